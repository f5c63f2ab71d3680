/* Stands for Linux in tests of the guard: tells port 0xe9 which ACPI tables it is given, and ends the machine. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

static void put(u8 byte) { __asm__ volatile("outb %0, %1" : : "a"(byte), "Nd"((unsigned short)0xe9)); }
static u64 read_u64(const u8 *at) { return *(const volatile u64 *)at; }
static u32 read_u32(const u8 *at) { return *(const volatile u32 *)at; }

/* Signature and maker of a table, one a line. */
static void tell(const u8 *table) {
  for (int at = 0; at < 4; at++) put(table[at]);
  put(' ');
  for (int at = 10; at < 16; at++) put(table[at]);
  put('\n');
}

static void put_hex(u64 value, int digits) {
  for (int at = digits - 1; at >= 0; at--) put("0123456789abcdef"[value >> (4 * at) & 15]);
}

/* Kinds of the entries of a list of processors; of a TDX mailbox its address too. */
static void tell_entries(const u8 *table) {
  for (u32 at = 44; at < read_u32(table + 4); at += table[at + 1]) {
    put(' ');
    put_hex(table[at], 2);
    if (table[at] == 0x10) { put('@'); put_hex(read_u64(table + at + 8), 8); }
  }
  put('\n');
}

__attribute__((ms_abi, section(".text.first"))) u64 probe(u64 image, const u8 *system) {
  (void)image;
  const u8 *root = 0;
  for (u64 at = 0; at < read_u64(system + 104); at++) {
    const u8 *row = (const u8 *)read_u64(system + 112) + 24 * at;
    if (read_u64(row) == 0x11d3e4f18868e871 && read_u64(row + 8) == 0x81883cc7800022bc) root = (const u8 *)read_u64(row + 16);
  }
  if (root) {
    const u8 *xsdt = (const u8 *)read_u64(root + 24);
    for (u32 at = 36; at < read_u32(xsdt + 4); at += 8) {
      const u8 *table = (const u8 *)read_u64(xsdt + at);
      tell(table);
      if (table[0] == 'A' && table[3] == 'C') tell_entries(table);
      if (table[0] == 'C' && table[3] == 'L') { put(' '); put_hex(read_u64(table + 48), 8); put('\n'); }
      if (table[0] == 'F' && table[3] == 'P') tell((const u8 *)(u64)read_u32(table + 40));
    }
  }
  put('.');
  const u8 *runtime = (const u8 *)read_u64(system + 88);
  ((__attribute__((ms_abi)) void (*)(u32, u64, u64, void *))read_u64(runtime + 104))(2, 0, 0, 0);
  return 0;
}
