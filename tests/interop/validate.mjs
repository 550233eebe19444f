// Validates values against definitions of OpenClaw's protocol.schema.json, with the Ajv that OpenClaw brings.
// standard input: {"modules": path, "items": [{"definition": name, "value": any}]}; output: one list of errors for each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { modules, items } = JSON.parse(readFileSync(0, "utf8"));
const require = createRequire(`${modules}/openclaw/package.json`);
const Ajv = require("ajv").default;
const schema = JSON.parse(readFileSync(`${modules}/@openclaw/gateway-protocol/protocol.schema.json`, "utf8"));

const ajv = new Ajv({ strict: false, allErrors: true, discriminator: false, validateFormats: false });
ajv.addSchema({ definitions: schema.definitions }, "protocol");

const verdicts = items.map(({ definition, value }) => {
  const validate = ajv.getSchema(`protocol#/definitions/${definition}`);
  if (!validate) return [`there is no definition ${definition}`];
  return validate(value) ? [] : validate.errors.map((error) => `${error.instancePath || "/"} ${error.message} ${JSON.stringify(error.params)}`);
});
process.stdout.write(JSON.stringify(verdicts));
