// The members of networks: containers that have a keeper.

import * as file from "../../ffi/file.ts";
import { containerIds, openUndamaged } from "../container/find.ts";
import { keeperLives } from "../container/state.ts";
import { type Endpoint, readEndpoints } from "./endpoint.ts";
import type { Container } from "../model/container.ts";

/** A container in a network. */
export interface Member {
  id: string;
  config: Container["config"];
  endpoint: Endpoint;
}

/** The containers that run, or are about to. A damaged one does not count. */
export function members(): Member[] {
  return containerIds().flatMap((id) => {
    const container = openUndamaged(id);
    if (!container) return [];
    const { dir, config } = container;
    try {
      if (!config.networks?.length || !keeperLives(dir)) return [];
      return readEndpoints(dir).map((endpoint) => ({ id, config, endpoint }));
    } finally {
      file.close(dir);
    }
  });
}
