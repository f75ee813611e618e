// @canonical/jujulib against a lab: address, CA file, user, password, model, its UUID, the version to upgrade it to.
// NODE_PATH says where the library is.
const fs = require("fs");
const W = require("websocket").w3cwebsocket;
const { connectAndLogin } = require("@canonical/jujulib");
const facade = (name) => require(`@canonical/jujulib/dist/api/facades/${name}`).default;
const [address, caFile, user, password, model, uuid, target] = process.argv.slice(2);
const ca = fs.readFileSync(caFile);
class Socket extends W {
  constructor(url, protocols) { super(url, protocols, undefined, undefined, undefined, { tlsOptions: { ca } }); }
}
const tell = (call, result = "ok") => console.log("\n" + JSON.stringify({ call, result }));
async function calling(call, run) {
  try { tell(call, await run()); }
  catch (error) { console.error(error); console.log("\n" + JSON.stringify({ call, error: String(error) })); }
}
const options = (...names) => ({ facades: names.map(facade), wsclass: Socket, closeCallback: () => {} });
const login = (path, ...names) =>
  connectAndLogin(`wss://${address}${path}`, options(...names), { username: user, password });
const within = (promise, what) => {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no ${what} in time`)), 120000); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};
const same = (found, wanted) => { if (found !== wanted) throw new Error(`${found} instead of ${wanted}`); };

async function main() {
  await calling("connectAndLogin, wrong password", async () => {
    try { await connectAndLogin(`wss://${address}/api`, options("pinger"), { username: "nobody", password: "wrong" }); }
    catch (error) { return String(error).slice(0, 90); }
    throw new Error("not refused");
  });
  let controller, hosted, client, all;
  await calling("connectAndLogin, controller", async () => {
    controller = await login("/api", "pinger", "controller", "model-manager", "model-upgrader", "all-model-watcher");
    return `server ${controller.conn.info.serverVersion ?? ""}`;
  });
  await calling("connectAndLogin, model", async () => { hosted = await login(`/model/${uuid}/api`, "client", "all-watcher", "model-config", "pinger", "annotations"); return "ok"; });
  if (!controller || !hosted) process.exit(1);
  client = hosted.conn.facades.client;
  all = hosted.conn.facades.allWatcher;
  const up = controller.conn.facades;
  await calling("pinger.ping", async () => { await up.pinger.ping({}); return "ok"; });
  await calling("modelManager.listModels", async () => {
    const found = await up.modelManager.listModels({ tag: `user-${user}` });
    const names = found["user-models"].map((entry) => entry.model.name);
    same(names.includes(model), true);
    return names.join(" ");
  });
  await calling("modelManager.listModelSummaries", async () => {
    const found = await up.modelManager.listModelSummaries({ all: true, "user-tag": `user-${user}` });
    const mine = found.results.map((entry) => entry.result).find((entry) => entry.uuid === uuid);
    same(mine.name, model);
    return `${mine.name} ${mine["agent-version"]}`;
  });
  await calling("modelManager.modelInfo", async () => {
    const found = await up.modelManager.modelInfo({ entities: [{ tag: `model-${uuid}` }] });
    same(found.results[0].result.uuid, uuid);
    return "ok";
  });
  await calling("client.fullStatus", async () => {
    const found = await client.fullStatus({ patterns: [] });
    same(found.model.name, model);
    same(found.machines["0"]["agent-status"].status, "started");
    return `${Object.keys(found.machines).length} machines, ${Object.keys(found.applications).length} applications`;
  });
  await calling("modelConfig.modelGet", async () => (await hosted.conn.facades.modelConfig.modelGet({})).config["agent-version"].value);
  let id;
  const next = () => within(all.next({ id }), "deltas");
  await calling("client.watchAll, allWatcher.next", async () => {
    id = (await client.watchAll({}))["watcher-id"];
    return `${(await next()).deltas.length} deltas`;
  });
  await calling("modelUpgrader.upgradeModel", async () => {
    const found = await up.modelUpgrader.upgradeModel({ "model-tag": `model-${uuid}`, "target-version": target, "agent-stream": "", "ignore-agent-versions": false, "dry-run": false });
    same(found["chosen-version"], target);
    return target;
  });
  await calling("allWatcher.next, while the upgrade runs", async () => {
    let seen = 0;
    for (;;) {
      for (const [kind, , data] of (await next()).deltas) {
        seen += 1;
        if (kind === "machine" && data["agent-status"].version === target) return `${seen} deltas until machine ${data.id} ran ${target}`;
      }
    }
  });
  await calling("controller.watchAllModels, allModelWatcher.next, stop", async () => {
    const every = (await up.controller.watchAllModels({}))["watcher-id"];
    const models = new Set();
    for (const [, , data] of (await within(up.allModelWatcher.next({ id: every }), "deltas")).deltas) models.add(data["model-uuid"]);
    same(models.has(uuid) && models.size > 1, true);
    await up.allModelWatcher.stop({ id: every });
    return `${models.size} models`;
  });
  controller.conn.transport.close(() => {});
  hosted.conn.transport.close(() => {});
  setTimeout(() => process.exit(0), 500);
}
main();
