//! placeholder
use super::Call;
use super::answer::Refusal;
use super::intake::Intake;
use super::taken::Taken;
pub(super) fn take(_call: &Call<'_>, _body: &[u8], _intake: &dyn Intake) -> Result<(Taken, usize), Refusal> {
    Err(Refusal::Unavailable)
}
