//! A database or log that was cut or overwritten: an earlier state, or a refusal that names the way out.
