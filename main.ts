// The command table: name → module. A module is loaded when its command runs, and nothing else is.

import { callerArguments } from "./lib/base/environment.ts";
import { type CommandTable, program } from "./lib/cli/program.ts";
import { sweepBy } from "./lib/store/root.ts";

const COMMANDS: CommandTable = {
  "attach": {
    summary: "Attach local standard input, output, and error streams to a running container",
    load: () => import("./lib/commands/container/attach.ts"),
  },
  "commit": {
    summary: "Create a new image from a container's changes",
    load: () => import("./lib/commands/container/commit.ts"),
  },
  "container prune": {
    summary: "Remove all stopped containers",
    load: () => import("./lib/commands/container/prune.ts"),
  },
  "cp": {
    summary: "Copy files/folders between a container and the local filesystem",
    load: () => import("./lib/commands/container/cp.ts"),
  },
  "create": {
    summary: "Create a new container",
    load: () => import("./lib/commands/container/create.ts"),
  },
  "diff": {
    summary: "Inspect changes to files or directories on a container's filesystem",
    load: () => import("./lib/commands/container/diff.ts"),
  },
  "events": {
    summary: "Get real time events",
    load: () => import("./lib/commands/system/events.ts"),
  },
  "exec": {
    summary: "Execute a command in a running container",
    load: () => import("./lib/commands/container/exec.ts"),
  },
  "export": {
    summary: "Export a container's filesystem as a tar archive",
    load: () => import("./lib/commands/container/export.ts"),
  },
  "history": {
    summary: "Show the history of an image",
    load: () => import("./lib/commands/image/history.ts"),
  },
  "image prune": {
    summary: "Remove unused images",
    load: () => import("./lib/commands/image/prune.ts"),
  },
  "images": { summary: "List images", load: () => import("./lib/commands/image/images.ts") },
  "import": {
    summary: "Import the contents from a tarball to create a filesystem image",
    load: () => import("./lib/commands/image/import.ts"),
  },
  "info": {
    summary: "Display system-wide information",
    load: () => import("./lib/commands/system/info.ts"),
  },
  "inspect": {
    summary: "Return low-level information on containers, images, networks and volumes",
    load: () => import("./lib/commands/system/inspect.ts"),
  },
  "kill": {
    summary: "Kill one or more running containers",
    load: () => import("./lib/commands/container/kill.ts"),
  },
  "load": {
    summary: "Load an image from a tar archive or STDIN",
    load: () => import("./lib/commands/image/load.ts"),
  },
  "logs": {
    summary: "Fetch the logs of a container",
    load: () => import("./lib/commands/container/logs.ts"),
  },
  "network connect": {
    summary: "Connect a container to a network",
    load: () => import("./lib/commands/network/connect.ts"),
  },
  "network create": { summary: "Create a network", load: () => import("./lib/commands/network/create.ts") },
  "network disconnect": {
    summary: "Disconnect a container from a network",
    load: () => import("./lib/commands/network/disconnect.ts"),
  },
  "network ls": { summary: "List networks", load: () => import("./lib/commands/network/ls.ts") },
  "network prune": {
    summary: "Remove all unused networks",
    load: () => import("./lib/commands/network/prune.ts"),
  },
  "network reload": {
    summary: "Install the firewall's rules again after something has flushed them",
    load: () => import("./lib/commands/network/reload.ts"),
  },
  "network rm": {
    summary: "Remove one or more networks",
    load: () => import("./lib/commands/network/rm.ts"),
  },
  "pause": {
    summary: "Pause all processes within one or more containers",
    load: () => import("./lib/commands/container/pause.ts"),
  },
  "port": {
    summary: "List port mappings or a specific mapping for the container",
    load: () => import("./lib/commands/container/port.ts"),
  },
  "ps": { summary: "List containers", load: () => import("./lib/commands/container/ps.ts") },
  "pull": {
    summary: "Download an image from a registry",
    load: () => import("./lib/commands/image/pull.ts"),
  },
  "remove-groups": { load: () => import("./lib/commands/internal/remove_groups.ts") },
  "rename": {
    summary: "Rename a container",
    load: () => import("./lib/commands/container/rename.ts"),
  },
  "repair-networks": { load: () => import("./lib/commands/internal/repair_networks.ts") },
  "restart": {
    summary: "Restart one or more containers",
    load: () => import("./lib/commands/container/restart.ts"),
  },
  "restore": {
    summary: "Start containers that ran when the machine went down, by their restart policies",
    load: () => import("./lib/commands/system/restore.ts"),
  },
  "rm": { summary: "Remove one or more containers", load: () => import("./lib/commands/container/rm.ts") },
  "rmi": { summary: "Remove one or more images", load: () => import("./lib/commands/image/rmi.ts") },
  "run": {
    summary: "Create and run a new container from an image",
    load: () => import("./lib/commands/container/run.ts"),
  },
  "save": {
    summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    load: () => import("./lib/commands/image/save.ts"),
  },
  "start": {
    summary: "Start one or more stopped containers",
    load: () => import("./lib/commands/container/start.ts"),
  },
  "start-again": { load: () => import("./lib/commands/internal/start_again.ts") },
  "stats": {
    summary: "Display a live stream of container(s) resource usage statistics",
    load: () => import("./lib/commands/container/stats.ts"),
  },
  "stop": {
    summary: "Stop one or more running containers",
    load: () => import("./lib/commands/container/stop.ts"),
  },
  "system df": {
    summary: "Show mydocker disk usage",
    load: () => import("./lib/commands/system/df.ts"),
  },
  "system prune": {
    summary: "Remove unused data",
    load: () => import("./lib/commands/system/prune.ts"),
  },
  "tag": {
    summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    load: () => import("./lib/commands/image/tag.ts"),
  },
  "top": {
    summary: "Display the running processes of a container",
    load: () => import("./lib/commands/container/top.ts"),
  },
  "unpause": {
    summary: "Unpause all processes within one or more containers",
    load: () => import("./lib/commands/container/unpause.ts"),
  },
  "unpublish-ports": { load: () => import("./lib/commands/internal/unpublish_ports.ts") },
  "update": {
    summary: "Update configuration of one or more containers",
    load: () => import("./lib/commands/container/update.ts"),
  },
  "version": {
    summary: "Show the mydocker version information",
    load: () => import("./lib/commands/system/version.ts"),
  },
  "volume create": { summary: "Create a volume", load: () => import("./lib/commands/volume/create.ts") },
  "volume ls": { summary: "List volumes", load: () => import("./lib/commands/volume/ls.ts") },
  "volume prune": {
    summary: "Remove unused local volumes",
    load: () => import("./lib/commands/volume/prune.ts"),
  },
  "volume rm": { summary: "Remove one or more volumes", load: () => import("./lib/commands/volume/rm.ts") },
  "wait": {
    summary: "Block until one or more containers stop, then print their exit codes",
    load: () => import("./lib/commands/container/wait.ts"),
  },
};

/** Docker's other spellings of the same commands, with flags where they mean less. */
const ALIASES: Record<string, string> = {
  "container run": "run",
  "container create": "create",
  "container start": "start",
  "container stats": "stats",
  "container kill": "kill",
  "container restart": "restart",
  "container stop": "stop",
  "container wait": "wait",
  "container ls": "ps",
  "container list": "ps",
  "container ps": "ps",
  "container pause": "pause",
  "container unpause": "unpause",
  "container update": "update",
  "container logs": "logs",
  "container rm": "rm",
  "container remove": "rm",
  "container rename": "rename",
  "container port": "port",
  "container top": "top",
  "container commit": "commit",
  "container cp": "cp",
  "container attach": "attach",
  "container diff": "diff",
  "container exec": "exec",
  "container export": "export",
  "image history": "history",
  "image ls": "images",
  "image list": "images",
  "image import": "import",
  "image remove": "rmi",
  "image load": "load",
  "image pull": "pull",
  "image rm": "rmi",
  "image save": "save",
  "image tag": "tag",
  "container inspect": "inspect --type=container",
  "image inspect": "inspect --type=image",
  "network inspect": "inspect --type=network",
  "volume inspect": "inspect --type=volume",
  "network list": "network ls",
  "network remove": "network rm",
  "system events": "events",
  "system info": "info",
  "volume list": "volume ls",
  "volume remove": "volume rm",
  // Keepers that an earlier mydocker started know these.
  "lower-ports": "unpublish-ports",
  "settle-networks": "repair-networks",
};

sweepBy(() => import("./lib/housekeeping/sweep.ts"));
// Not awaited at the top level: what is imported later may import this file, and would wait for it to be
// done.
program(COMMANDS, ALIASES, callerArguments()).then(Deno.exit);
