// Families of addresses (address_families(7)), for whoever asks nothing of the kernel.

export const AF_INET = 2;
export const AF_INET6 = 10;
