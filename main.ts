// The command table: name → module. A module is loaded when its command runs, and nothing else is.

import { callerArguments } from "./lib/base/environment.ts";
import { type CommandTable, program } from "./lib/cli/program.ts";
import { sweepBy } from "./lib/store/root.ts";

const COMMANDS: CommandTable = {
  "attach": {
    summary: "Stand before a running container: its output, input and signals",
    load: () => import("./lib/commands/container/attach.ts"),
  },
  "commit": {
    summary: "Make an image of a container's changes",
    load: () => import("./lib/commands/container/commit.ts"),
  },
  "container prune": {
    summary: "Remove all containers that do not run",
    load: () => import("./lib/commands/container/prune.ts"),
  },
  "cp": {
    summary: "Copy files between a container and the host",
    load: () => import("./lib/commands/container/cp.ts"),
  },
  "create": {
    summary: "Create a container, without starting it",
    load: () => import("./lib/commands/container/create.ts"),
  },
  "diff": {
    summary: "Show what a container has changed of its image",
    load: () => import("./lib/commands/container/diff.ts"),
  },
  "events": {
    summary: "Show what happens to containers, images and volumes",
    load: () => import("./lib/commands/system/events.ts"),
  },
  "exec": {
    summary: "Run a command in a running container",
    load: () => import("./lib/commands/container/exec.ts"),
  },
  "export": {
    summary: "Write a container's whole file system as a tar archive",
    load: () => import("./lib/commands/container/export.ts"),
  },
  "history": {
    summary: "Show how an image came about",
    load: () => import("./lib/commands/image/history.ts"),
  },
  "image prune": {
    summary: "Remove images that nothing needs",
    load: () => import("./lib/commands/image/prune.ts"),
  },
  "images": { summary: "List images", load: () => import("./lib/commands/image/images.ts") },
  "import": {
    summary: "Make an image of a root file system's archive",
    load: () => import("./lib/commands/image/import.ts"),
  },
  "info": {
    summary: "Show what this host offers, and what it lacks",
    load: () => import("./lib/commands/system/info.ts"),
  },
  "inspect": {
    summary: "Show all there is to know about containers, images, networks and volumes",
    load: () => import("./lib/commands/system/inspect.ts"),
  },
  "kill": { summary: "Kill running containers", load: () => import("./lib/commands/container/kill.ts") },
  "load": {
    summary: "Add the images of an archive: docker-archive or OCI image layout",
    load: () => import("./lib/commands/image/load.ts"),
  },
  "logs": { summary: "Show what a container wrote", load: () => import("./lib/commands/container/logs.ts") },
  "lower-ports": { load: () => import("./lib/commands/internal/lower_ports.ts") },
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
    summary: "Remove networks that no container uses",
    load: () => import("./lib/commands/network/prune.ts"),
  },
  "network reload": {
    summary: "Put the firewall's rules up again, after somebody has flushed them",
    load: () => import("./lib/commands/network/reload.ts"),
  },
  "network rm": {
    summary: "Remove networks that no container uses",
    load: () => import("./lib/commands/network/rm.ts"),
  },
  "pause": {
    summary: "Pause all processes within one or more containers",
    load: () => import("./lib/commands/container/pause.ts"),
  },
  "port": {
    summary: "List a container's published ports",
    load: () => import("./lib/commands/container/port.ts"),
  },
  "ps": { summary: "List containers", load: () => import("./lib/commands/container/ps.ts") },
  "pull": { summary: "Pull an image from a registry", load: () => import("./lib/commands/image/pull.ts") },
  "remove-groups": { load: () => import("./lib/commands/internal/remove_groups.ts") },
  "rename": {
    summary: "Give a container another name",
    load: () => import("./lib/commands/container/rename.ts"),
  },
  "restart": { summary: "Restart containers", load: () => import("./lib/commands/container/restart.ts") },
  "restore": {
    summary: "Start what ran when the machine went down, by its restart policy",
    load: () => import("./lib/commands/system/restore.ts"),
  },
  "rm": { summary: "Remove containers", load: () => import("./lib/commands/container/rm.ts") },
  "rmi": { summary: "Remove images", load: () => import("./lib/commands/image/rmi.ts") },
  "run": {
    summary: "Create a container from an image and run a command in it",
    load: () => import("./lib/commands/container/run.ts"),
  },
  "save": {
    summary: "Write images to a tar archive (docker-archive and OCI image layout in one)",
    load: () => import("./lib/commands/image/save.ts"),
  },
  "settle-networks": { load: () => import("./lib/commands/internal/settle_networks.ts") },
  "start": { summary: "Start stopped containers", load: () => import("./lib/commands/container/start.ts") },
  "start-again": { load: () => import("./lib/commands/internal/start_again.ts") },
  "stats": {
    summary: "Show what containers use, live",
    load: () => import("./lib/commands/container/stats.ts"),
  },
  "stop": { summary: "Stop running containers", load: () => import("./lib/commands/container/stop.ts") },
  "system df": {
    summary: "Show how much images, containers and volumes take on disk",
    load: () => import("./lib/commands/system/df.ts"),
  },
  "system prune": {
    summary: "Remove what nothing needs: stopped containers, networks and images",
    load: () => import("./lib/commands/system/prune.ts"),
  },
  "tag": { summary: "Give an image another name", load: () => import("./lib/commands/image/tag.ts") },
  "top": { summary: "Show a container's processes", load: () => import("./lib/commands/container/top.ts") },
  "unpause": {
    summary: "Unpause all processes within one or more containers",
    load: () => import("./lib/commands/container/unpause.ts"),
  },
  "update": {
    summary: "Change limits and restart policy of containers",
    load: () => import("./lib/commands/container/update.ts"),
  },
  "version": { summary: "Show versions", load: () => import("./lib/commands/system/version.ts") },
  "volume create": { summary: "Create a volume", load: () => import("./lib/commands/volume/create.ts") },
  "volume ls": { summary: "List volumes", load: () => import("./lib/commands/volume/ls.ts") },
  "volume prune": {
    summary: "Remove volumes that no container uses",
    load: () => import("./lib/commands/volume/prune.ts"),
  },
  "volume rm": { summary: "Remove volumes", load: () => import("./lib/commands/volume/rm.ts") },
  "wait": {
    summary: "Wait until containers have ended, and print their exit codes",
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
};

sweepBy(() => import("./lib/housekeeping/sweep.ts"));
// Not awaited at the top level: what is imported later may import this file, and would wait for it to be
// done.
program(COMMANDS, ALIASES, callerArguments()).then(Deno.exit);
