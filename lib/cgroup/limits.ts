// What a container may use at most. As in docker's API; what is undefined is not limited.

/** A device's file on the host, and what it is limited to: a weight, bytes or operations per second. */
export interface DeviceLimit {
  path: string;
  value: number;
}

export interface Limits {
  /** Bytes. */
  memory?: number;
  /** Bytes of memory and swap together; -1: as much swap as there is. */
  memorySwap?: number;
  /** Bytes that are left to it when memory gets scarce. */
  memoryReservation?: number;
  /** --cpus, in billionths of a processor. */
  nanoCpus?: number;
  /** Weight among all that want to run: 2 to 262144, and 1024 of who has none given. */
  cpuShares?: number;
  /** Microseconds it may run for in each so many microseconds. */
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
  /** Its processes wait for memory when there is none left, and are not killed. */
  oomKillDisable?: boolean;
  /** Where its cgroup is, below the top. */
  cgroupParent?: string;
}
