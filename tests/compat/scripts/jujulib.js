// What the scripts for @canonical/jujulib share: connections, and what came of each call, an object a line.
// NODE_PATH says where the library is. The first arguments are always address, CA file, user, password.
const fs = require("fs");
const W = require("websocket").w3cwebsocket;
const { connectAndLogin } = require("@canonical/jujulib");
const [address, caFile, username, password, ...rest] = process.argv.slice(2);
const ca = fs.readFileSync(caFile);
class Socket extends W {
  constructor(url, protocols) { super(url, protocols, undefined, undefined, undefined, { tlsOptions: { ca } }); }
}
// "client" is a facade in the version that the library prefers of those announced; "client/ClientV3" exactly that version.
const facade = (name) => require(`@canonical/jujulib/dist/api/facades/${name}`.replace(/(V\d+)$/, "$1.js")).default;
const login = (path, names, credentials = { username, password }) => connectAndLogin(
  `wss://${address}${path}`, { facades: names.map(facade), wsclass: Socket, closeCallback: () => {} }, credentials);
const tell = (call, result = "ok", facts = null) => console.log("\n" + JSON.stringify({ call, result, facts }));
async function calling(call, run) {
  try { tell(call, ...[await run()].flat()); }
  catch (error) { console.error(error); console.log("\n" + JSON.stringify({ call, error: String(error) })); }
}
async function refused(run, words) {
  let said;
  try { await run(); } catch (error) { said = String(error); }
  if (said === undefined) throw new Error(`not refused; expected ${words}`);
  if (!said.includes(words)) throw new Error(`${said} does not say ${words}`);
  return said.slice(0, 120);
}
// Where a connection is dropped, what was asked on it is never answered.
const within = (promise, what, seconds = 120) => {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no ${what} in time`)), seconds * 1000); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};
const same = (found, wanted) => { if (found !== wanted) throw new Error(`${found} instead of ${wanted}`); };
// Which version of each facade the library has chosen.
const chosen = (...connections) => Object.fromEntries(
  connections.flatMap(({ conn }) => Object.values(conn.facades).map(({ NAME, VERSION }) => [NAME, VERSION])));
// Upgrades a model as this controller's clients may: its ModelUpgrader chooses, or (before) the client does.
async function upgrade(controller, hosted, uuid, version) {
  const upgrader = controller.conn.facades.modelUpgrader;
  if (!upgrader) {
    await hosted.conn.facades.client.setModelAgentVersion({ version, force: false });
    return "client.setModelAgentVersion";
  }
  const found = await upgrader.upgradeModel({
    "model-tag": `model-${uuid}`, "target-version": version, "agent-stream": "", "ignore-agent-versions": false, "dry-run": false });
  same(found["chosen-version"], version);
  return "modelUpgrader.upgradeModel";
}
function end(...connections) {
  for (const { conn } of connections) conn.transport.close(() => {});
  setTimeout(() => process.exit(0), 500);
}
module.exports = { calling, chosen, end, login, refused, rest, same, tell, upgrade, username, within };
