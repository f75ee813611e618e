// @canonical/jujulib upgrades a controller: (see jujulib.js), the UUID of its model, the version, how to ask for Client.
const { calling, chosen, end, login, rest, same, upgrade, within } = require("./jujulib.js");
const [uuid, target, clientFacade] = rest;
const SECONDS = 180;

const connections = async () => [
  await login("/api", ["pinger", "controller", "model-manager", "model-upgrader", "all-model-watcher", "cloud", "user-manager"]),
  await login(`/model/${uuid}/api`, [clientFacade, "all-watcher", "model-config", "backups", "application"]),
];
const close = (...open) => open.forEach(({ conn }) => conn.transport.close(() => {}));

// A script that asks again and again: a controller that restarts drops its connections.
async function until(version) {
  const deadline = Date.now() + SECONDS * 1000;
  for (;;) {
    let open = [];
    try {
      open = await within(connections(), "login", 10);
      await within(open[0].conn.facades.modelManager.listModels({ tag: "user-admin" }), "answer", 10);
      if (open[0].conn.info.serverVersion === version) return open;
    } catch (error) { console.log(String(error)); }
    close(...open);
    if (Date.now() > deadline) throw new Error(`not on ${version} in time`);
    await new Promise((go) => setTimeout(go, 300));
  }
}

async function main() {
  let open = await connections();
  const before = chosen(...open);
  const old = open[0].conn.info.serverVersion;
  await calling("the controller's upgrade", async () => `${await upgrade(open[0], open[1], uuid, target)}(${target})`);
  close(...open);
  await calling("connectAndLogin, until the controller is upgraded", async () => {
    open = await until(target);
    same(open[0].conn.info.serverVersion, target);
    return `${old}, then ${target}`;
  });
  await calling("facades, before and after the controller's upgrade", async () => {
    const after = chosen(...open);
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    const changed = names.filter((name) => before[name] !== after[name]);
    const told = changed.map((name) => `${name} ${before[name] ?? "none"} to ${after[name] ?? "none"}`).join(", ");
    return [told, { before, after }];
  });
  end(...open);
}
main();
