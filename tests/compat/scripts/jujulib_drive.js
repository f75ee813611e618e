// @canonical/jujulib against a lab: (see jujulib.js), model, its UUID, the version to upgrade it to, how the Client facade is
// asked for: "client", or a version of it that can do what the one that the library prefers cannot.
const { calling, chosen, end, login, refused, rest, same, upgrade, username, within } = require("./jujulib.js");
const [model, uuid, target, clientFacade] = rest;

async function main() {
  await calling("connectAndLogin, wrong password", () =>
    refused(() => login("/api", ["pinger"], { username: "nobody", password: "wrong" }), "Have you been granted permission"));
  let controller, hosted;
  await calling("connectAndLogin, controller", async () => {
    controller = await login("/api", ["pinger", "controller", "model-manager", "model-upgrader", "all-model-watcher"]);
    return `server ${controller.conn.info.serverVersion ?? ""}`;
  });
  await calling("connectAndLogin, model", async () => {
    hosted = await login(`/model/${uuid}/api`, [clientFacade, "all-watcher", "model-config", "pinger", "annotations"]);
  });
  if (!controller || !hosted) process.exit(1);
  const client = hosted.conn.facades.client;
  const all = hosted.conn.facades.allWatcher;
  const up = controller.conn.facades;
  await calling("facades, each in the version that it chose", async () => {
    const versions = chosen(controller, hosted);
    return [Object.entries(versions).map((entry) => entry.join(" ")).join(", "), versions];
  });
  await calling("pinger.ping", async () => { await up.pinger.ping({}); });
  await calling("modelManager.listModels", async () => {
    const found = await up.modelManager.listModels({ tag: `user-${username}` });
    const names = found["user-models"].map((entry) => entry.model.name);
    same(names.includes(model), true);
    return names.join(" ");
  });
  await calling("modelManager.listModelSummaries", async () => {
    const found = await up.modelManager.listModelSummaries({ all: true, "user-tag": `user-${username}` });
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
  await calling("the model's upgrade", () => upgrade(controller, hosted, uuid, target));
  await calling("allWatcher.next, while the upgrade runs", async () => {
    let seen = 0;
    for (;;) {
      for (const [kind, , data] of (await next()).deltas) {
        seen += 1;
        if (kind === "machine" && data["agent-status"].version === target) return `${seen} deltas until machine ${data.id} ran ${target}`;
      }
    }
  });
  await calling("allWatcher.stop, while a next waits", async () => {
    // What came meanwhile is read first, so that the next one has nothing to tell until it is stopped.
    let pending;
    const told = () => { pending = next(); return Promise.race([pending, new Promise((go) => setTimeout(() => go(null), 1500))]); };
    while (await told());
    const ended = refused(() => pending, "stopped");
    await all.stop({ id });
    return within(ended, "end");
  });
  await calling("allWatcher.next, after stop", () => refused(() => next(), "unknown watcher id"));
  await calling("controller.watchAllModels, allModelWatcher.next, stop", async () => {
    const every = (await up.controller.watchAllModels({}))["watcher-id"];
    const models = new Set();
    for (const [, , data] of (await within(up.allModelWatcher.next({ id: every }), "deltas")).deltas) models.add(data["model-uuid"]);
    same(models.has(uuid) && models.size > 1, true);
    await up.allModelWatcher.stop({ id: every });
    return `${models.size} models`;
  });
  end(controller, hosted);
}
main();
