// An OpenID Connect issuer on loopback: a real one (oauth2-mock-server), whose claims and keys a test chooses.
//
//   npm ci && node issuer.mjs '{"algorithms": ["RS256"], "claims": {"aud": "forethought", "sub": "alice"}}'
//
// prints one line of JSON with `issuer` and `control`, and runs until its input is closed or it gets a signal. `claims`
// go into every token, also into those of the issuer's own `/token`. `control` is an address that takes POST requests
// with an object of JSON:
//
//   /token   {"claims"?, "header"?, "expires_in"?, "kid"?}  signs a token           -> {"token"}
//   /rotate  {"algorithm"?, "withdraw"?}  signs with a new key from now on          -> {"kid", "published"}
//   /away    {"away": true | false}       answers 503 for its keys, and again well  -> {"away"}
//   /asked   {}                           how often its keys were asked for         -> {"asked"}

import { createServer } from "node:http";
import { OAuth2Server } from "oauth2-mock-server";

const LONGEST_BODY = 65_536;

const config = JSON.parse(process.argv[2] ?? "{}");
const claims = config.claims ?? {};
const state = { kid: undefined, withdrawn: new Set(), away: false, asked: 0 };

const server = new OAuth2Server();
const keys = server.issuer.keys;
for (const algorithm of config.algorithms ?? ["RS256"]) {
  state.kid = (await keys.generate(algorithm)).kid;
}

const published = keys.toJSON.bind(keys);
keys.toJSON = (secret) => published(secret).filter((key) => !state.withdrawn.has(key.kid));
// The library signs with each of its keys in turn, also with those that were withdrawn.
const chosen = keys.get.bind(keys);
keys.get = (kid) => chosen(kid ?? state.kid);
server.service.on("beforeTokenSigning", (token) => Object.assign(token.payload, claims));

// The library has no event for its keys, so they are counted, and kept back, on their way.
const answer = server.service.requestHandler;
const issuer = createServer((request, response) => {
  const forKeys = request.url === "/jwks";
  state.asked += forKeys ? 1 : 0;
  return forKeys && state.away ? response.writeHead(503).end() : answer(request, response);
});

const actions = {
  "/token": async ({ claims: more = {}, header = {}, expires_in: expiresIn = 3600, kid = state.kid }) => {
    const change = (head, payload) => (Object.assign(head, header), Object.assign(payload, claims, more));
    return { token: await server.issuer.buildToken({ kid, expiresIn, scopesOrTransform: change }) };
  },
  "/rotate": async ({ algorithm = "RS256", withdraw = false }) => {
    if (withdraw) published(false).forEach((key) => state.withdrawn.add(key.kid));
    state.kid = (await keys.generate(algorithm)).kid;
    return { kid: state.kid, published: keys.toJSON(false).map((key) => key.kid) };
  },
  "/away": async ({ away }) => ({ away: (state.away = Boolean(away)) }),
  "/asked": async () => ({ asked: state.asked }),
};

async function body(request) {
  let text = "";
  for await (const piece of request) {
    text += piece;
    if (text.length > LONGEST_BODY) throw new Error("the body is too long");
  }
  return JSON.parse(text || "{}");
}

const control = createServer(async (request, response) => {
  try {
    const action = request.method === "POST" ? actions[request.url] : undefined;
    if (!action) return response.writeHead(404).end();
    const said = JSON.stringify(await action(await body(request)));
    response.writeHead(200, { "content-type": "application/json" }).end(said);
  } catch (error) {
    response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ error: String(error) }));
  }
});

async function listens(one) {
  await new Promise((resolve, reject) => one.once("error", reject).listen(config.port ?? 0, "127.0.0.1", resolve));
  config.port = 0;
  return `http://127.0.0.1:${one.address().port}`;
}

server.issuer.url = await listens(issuer);
const addresses = { issuer: server.issuer.url, control: await listens(control) };
process.stdout.write(`${JSON.stringify(addresses)}\n`);

const end = () => process.exit(0);
process.on("SIGTERM", end).on("SIGINT", end);
process.stdin.on("end", end).on("close", end).resume();
