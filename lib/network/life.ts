// What starts and ends of containers need of networks, as one module: what is imported on demand costs 0.13
// ms a file (lib/launcher/split.ts), and the default network is in most starts.

export { settle } from "./bridge.ts";
export { joinNetworks } from "./join.ts";
export { leaveForKilled, repairNetworks } from "./repair.ts";
