// An OpenAPI document made of the facts in tests/contract/onetrust.json, as a mock server reads it.
//
// Bodies of requests may have no member that the documents do not name: a misspelt filter would
// otherwise be passed over. The answer of the token endpoint gets an example, because a made-up number
// of seconds may be none.

const TOKEN = "POST /api/access/v1/oauth/token";
const TOKEN_EXAMPLE = { access_token: "mock", token_type: "bearer", expires_in: 3600, "ot-scopes": "DSAR" };

/** Where the documents type something as they cannot mean it, and why we say otherwise. */
function mended(contract) {
  // "Name-value pairs", typed as maps of maps of objects; clients send texts.
  contract.schemas.DataDiscoveryGroupDto.properties.results.additionalProperties.additionalProperties = {};
  // An object or its JSON text, and a form holds only texts.
  contract.schemas.AttachmentMultipartRequest.properties.attachment = { type: "string" };
  return contract;
}

/** References lead to the place where OpenAPI keeps schemas; a number is none of the words of an enum. */
function moved(value) {
  if (Array.isArray(value)) return value.map(moved);
  if (value === null || typeof value !== "object") return value;
  const { enum: words, ...rest } = value;
  const entries = Object.entries(value.type === "integer" && words ? rest : value).map(([name, inner]) =>
    name === "$ref" ? [name, inner.replace("#/$defs/", "#/components/schemas/")] : [name, moved(inner)],
  );
  return Object.fromEntries(entries);
}

/** The schema itself, with everything it refers to in its place and no members beyond those it names. */
function closed(contract, schema) {
  if (schema.$ref) return closed(contract, contract.schemas[schema.$ref.replace("#/$defs/", "")]);
  const copy = { ...schema };
  if (schema.properties) {
    const entries = Object.entries(schema.properties);
    copy.properties = Object.fromEntries(entries.map(([name, inner]) => [name, closed(contract, inner)]));
    copy.additionalProperties ??= false;
  }
  if (schema.items) copy.items = closed(contract, schema.items);
  return copy;
}

export function document(facts) {
  const contract = mended(structuredClone(facts));
  const paths = {};
  for (const [key, operation] of Object.entries(contract.operations)) {
    const [method, path] = key.split(" ");
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    }));
    const named = ["query", "header"].flatMap((place) =>
      Object.entries(operation[place] ?? {}).map(([name, { required, schema }]) => {
        // The text of the documents says yyyyMMdd, and dates without a zone, beside these formats.
        const { format, ...rest } = schema;
        const kept = ["date", "date-time"].includes(format) ? rest : schema;
        return { name, in: place, required, schema: kept };
      }),
    );
    const responses = {};
    for (const [status, schema] of Object.entries(operation.answers)) {
      const content = schema && { "application/json": { schema: moved(schema) } };
      if (content && key === TOKEN) content["application/json"].example = TOKEN_EXAMPLE;
      responses[status] = { description: status, ...(content && { content }) };
    }
    const body = operation.body && {
      required: true,
      content: { [operation.content_type]: { schema: closed(contract, operation.body) } },
    };
    paths[path] ??= {};
    paths[path][method.toLowerCase()] = {
      operationId: key,
      parameters: [...inPath, ...named],
      responses,
      security: key === TOKEN ? [] : [{ bearer: [] }],
      ...(body && { requestBody: body }),
    };
  }
  return {
    openapi: "3.1.0",
    info: { title: "OneTrust", version: "1" },
    paths,
    components: {
      schemas: moved(contract.schemas),
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
  };
}
