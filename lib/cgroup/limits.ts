// A container's limits, as in docker's API. Undefined means no limit.

/** A device file on the host and its limit: a weight, bytes or operations per second. */
export interface DeviceLimit {
  path: string;
  value: number;
}

export interface Limits {
  /** Bytes. */
  memory?: number;
  /** Bytes of memory and swap together; -1 for unlimited swap. */
  memorySwap?: number;
  /** Soft limit in bytes: the container keeps this much when memory gets scarce. */
  memoryReservation?: number;
  /** --cpus, in billionths of a CPU. */
  nanoCpus?: number;
  /** Relative weight: 2 to 262144; 1024 by default. */
  cpuShares?: number;
  /** Microseconds of CPU time in each period of cpuPeriod microseconds. */
  cpuQuota?: number;
  cpuPeriod?: number;
  /** "0-2,5" */
  cpusetCpus?: string;
  cpusetMems?: string;
  /** -1: no limit. */
  pidsLimit?: number;
  /** 10 to 1000. */
  blkioWeight?: number;
  blkioWeightDevice?: DeviceLimit[];
  deviceReadBps?: DeviceLimit[];
  deviceWriteBps?: DeviceLimit[];
  deviceReadIops?: DeviceLimit[];
  deviceWriteIops?: DeviceLimit[];
  /** Processes wait when there is no memory left, instead of being killed. */
  oomKillDisable?: boolean;
  /** The parent of its cgroup, from the top. */
  cgroupParent?: string;
}
