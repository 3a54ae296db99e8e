import * as command from "../../commands/exec.ts";
import { only } from "../only.ts";

await only("exec", command);
