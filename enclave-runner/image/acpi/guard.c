/*
 * Runs after the firmware and before Linux, as part of the measured kernel: the ACPI tables of the host never reach
 * Linux (THREATS H22). Linux finds a new root with
 *   DSDT  the measured one of this image: the only AML there is
 *   FACP  made here, with the ports of QEMU's q35: a host could name memory instead of ports
 *   FACS  made here, empty
 *   APIC  the host's list of processors and interrupts, entry by entry, with the only addresses that q35 has
 *   MCFG  the one window of PCI configuration, if it lies where devices are
 *   CCEL  TDX only: where the firmware keeps its log of events
 * and nothing else: no SSDT, no tables of error actions (HEST, ERST, EINJ, BERT), no PRMT, no SPCR.
 * What does not fit ends the machine. UEFI 2.10 sections 4.3, 4.6, 7.2; ACPI 6.5 section 5.2.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
#define EFIAPI __attribute__((ms_abi))
#define PACKED __attribute__((packed))

typedef struct { u32 a; u16 b, c; u8 d[8]; } Guid;
typedef struct { u64 signature; u32 revision, bytes, crc, reserved; } EfiHeader;
typedef struct {
  EfiHeader header;
  u64 tpl[2];
  u64 (EFIAPI *allocate_pages)(u32 how, u32 kind, u64 pages, u64 *address);
  u64 before_install[18];
  u64 (EFIAPI *install_configuration_table)(const Guid *, void *);
} BootServices;
typedef struct {
  EfiHeader header;
  u64 before_reset[10];
  void (EFIAPI *reset_system)(u32 how, u64 status, u64 bytes, void *data);
} RuntimeServices;
typedef struct {
  u64 (EFIAPI *reset)(void *, u8);
  u64 (EFIAPI *output_string)(void *, const u16 *);
} TextOutput;
typedef struct { Guid guid; void *table; } ConfigurationTable;
typedef struct {
  EfiHeader header;
  u64 vendor, firmware_revision;
  u64 console_in[2], console_out_handle;
  TextOutput *console_out;
  u64 standard_error[2];
  RuntimeServices *runtime;
  BootServices *boot;
  u64 tables_count;
  ConfigurationTable *tables;
} SystemTable;

typedef struct { u8 signature[8], checksum, oem[6], revision; u32 rsdt, bytes; u64 xsdt; u8 extended, reserved[3]; } PACKED Rsdp;
typedef struct { u32 signature, bytes; u8 revision, checksum, oem[6], oem_table[8]; u32 oem_revision, creator, creator_revision; } PACKED Header;
typedef struct { u8 space, width, offset, access; u64 address; } PACKED Register;
typedef struct {
  Header header;
  u32 facs, dsdt;
  u8 model, profile;
  u16 sci;
  u32 smi_command;
  u8 acpi_enable, acpi_disable, s4_request, pstate;
  u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
  u8 pm1_event_bytes, pm1_control_bytes, pm2_control_bytes, pm_timer_bytes, gpe0_bytes, gpe1_bytes, gpe1_base, cstates;
  u16 c2_latency, c3_latency, flush_size, flush_stride;
  u8 duty_offset, duty_width, day_alarm, month_alarm, century;
  u16 boot_flags;
  u8 reserved;
  u32 flags;
  Register reset;
  u8 reset_value, reserved_too[3];
  u64 x_facs, x_dsdt;
  Register extended[8];
} PACKED Fadt;
typedef struct { u32 signature, bytes; u8 rest[56]; } PACKED Facs;
typedef struct { Header header; u32 local_apic, flags; u8 entries[]; } PACKED Madt;
typedef struct { Header header; u64 reserved, base; u16 segment; u8 first_bus, last_bus; u32 reserved_too; } PACKED Mcfg;
typedef struct { Header header; u8 type, subtype; u16 reserved; u64 log_bytes, log_at; } PACKED Ccel;
_Static_assert(sizeof(Rsdp) == 36 && sizeof(Header) == 36 && sizeof(Fadt) == 244 && sizeof(Facs) == 64 &&
                   sizeof(Mcfg) == 60 && sizeof(Ccel) == 56 && sizeof(SystemTable) == 120,
               "as ACPI and UEFI lay them out");
_Static_assert(__builtin_offsetof(BootServices, allocate_pages) == 40 &&
                   __builtin_offsetof(BootServices, install_configuration_table) == 192 &&
                   __builtin_offsetof(RuntimeServices, reset_system) == 104,
               "as UEFI lays them out");

#define SIGNATURE(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)
#define XSDT SIGNATURE('X', 'S', 'D', 'T')
#define FACP SIGNATURE('F', 'A', 'C', 'P')
#define FACS SIGNATURE('F', 'A', 'C', 'S')
#define APIC SIGNATURE('A', 'P', 'I', 'C')
#define MCFG SIGNATURE('M', 'C', 'F', 'G')
#define CCEL SIGNATURE('C', 'C', 'E', 'L')

/* Where everything new lies: far more than 4,096 processors need. */
#define AREA_BYTES 0x20000
#define MAX_XSDT_BYTES 0x1000
#define MAX_MADT_BYTES 0x14000
#define BELOW_4_GIB 0xffffffff
enum { ALLOCATE_BELOW = 1, ACPI_RECLAIM = 9, RESET_SHUTDOWN = 2 };

/* QEMU's q35, as its firmware sets it up. */
enum {
  PM_EVENT = 0x600, PM_CONTROL = 0x604, PM_TIMER = 0x608, RESET_PORT = 0xcf9, RESET_VALUE = 0x0f, SCI = 9,
  FIRST_DEVICE_ADDRESS = 0x80000000,
};
#define LOCAL_APIC 0xfee00000
#define IO_APIC 0xfec00000
enum { FLAG_WBINVD = 1, FLAG_C1 = 1 << 2, FLAG_NO_POWER_BUTTON = 1 << 4, FLAG_NO_SLEEP_BUTTON = 1 << 5, FLAG_RESET = 1 << 10 };
enum { SYSTEM_IO = 1, MODEL_WAKEUP = 0x10 };

extern const u8 dsdt[] __attribute__((visibility("hidden"))), dsdt_end[] __attribute__((visibility("hidden")));

typedef struct { SystemTable *system; u8 *area, *next; } Work;

/* Firmware that got its kernel refused would try other, unmeasured ways to boot. */
static __attribute__((noreturn)) void refuse(SystemTable *system, const u16 *why) {
  if (system->console_out) {
    system->console_out->output_string(system->console_out, u"cocoon: ACPI refused: ");
    system->console_out->output_string(system->console_out, why);
    system->console_out->output_string(system->console_out, u"\r\n");
  }
  system->runtime->reset_system(RESET_SHUTDOWN, 0, 0, 0);
  for (;;) __asm__ volatile("cli; hlt");
}

static void copy(void *to, const void *from, u64 bytes) {
  for (u64 at = 0; at < bytes; at++) ((volatile u8 *)to)[at] = ((const u8 *)from)[at];
}

static int same(const void *one, const void *other, u64 bytes) {
  for (u64 at = 0; at < bytes; at++) if (((const u8 *)one)[at] != ((const u8 *)other)[at]) return 0;
  return 1;
}

static u8 sum_to_zero(const void *of, u64 bytes) {
  u8 sum = 0;
  for (u64 at = 0; at < bytes; at++) sum += ((const u8 *)of)[at];
  return -sum;
}

/* Room for a table. The area was zeroed. */
static void *take(Work *work, u64 bytes) {
  u64 rounded = (bytes + 63) & ~63ull;
  if (rounded > (u64)(work->area + AREA_BYTES - work->next)) refuse(work->system, u"too many entries");
  void *taken = work->next;
  work->next += rounded;
  return taken;
}

static void name(Header *header, u32 signature, u32 bytes, u8 revision) {
  header->signature = signature;
  header->bytes = bytes;
  header->revision = revision;
  copy(header->oem, "COCOON", 6);
  copy(header->oem_table, "RUNNER\0", 8);
  header->oem_revision = 1;
}

static void *seal(Header *header) {
  header->checksum = 0;
  header->checksum = sum_to_zero(header, header->bytes);
  return header;
}

static void *find_root(SystemTable *system, const Guid *guid) {
  for (u64 at = 0; at < system->tables_count; at++)
    if (same(&system->tables[at].guid, guid, sizeof(Guid))) return system->tables[at].table;
  return 0;
}

/*
 * The TDX module answers this leaf itself. On SEV-SNP a host might try to: there the firmware, which asks the processor,
 * has left its own table.
 */
static int is_tdx(SystemTable *system) {
  const Guid sev_snp = {0x067b1f5f, 0xcf26, 0x44c5, {0x85, 0x54, 0x93, 0xd7, 0x77, 0x91, 0x2d, 0x42}};
  if (find_root(system, &sev_snp)) return 0;
  u32 a = 0x21, b, c = 0, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return b == SIGNATURE('I', 'n', 't', 'e') && d == SIGNATURE('l', 'T', 'D', 'X') && c == SIGNATURE(' ', ' ', ' ', ' ');
}

/* The host's table of a name: the first, or the last one where the firmware appends its own. */
static const Header *find(const Header *xsdt, u32 signature, int last) {
  const Header *found = 0;
  for (u32 at = sizeof(Header); at + 8 <= xsdt->bytes; at += 8) {
    const Header *table;
    copy(&table, (const u8 *)xsdt + at, 8);
    if (table && table->signature == signature && (last || !found)) found = table;
  }
  return found;
}

/* Bytes of each kind of entry that Linux may see; 0 is dropped. ACPI 6.5 section 5.2.12. */
static u8 entry_bytes(u8 kind) {
  switch (kind) {
    case 0: return 8;   /* local APIC */
    case 1: return 12;  /* I/O APIC */
    case 2: return 10;  /* interrupt override */
    case 4: return 6;   /* NMI of a local APIC */
    case 9: return 16;  /* local x2APIC */
    case 10: return 12; /* NMI of a local x2APIC */
    default: return 0;
  }
}

static u32 word(const u8 *at) { u32 value; copy(&value, at, 4); return value; }

static void *make_madt(Work *work, const Header *header, int tdx) {
  const Madt *given = (const Madt *)header;
  u32 bytes = header->bytes;
  if (bytes < sizeof(Madt) || bytes > MAX_MADT_BYTES) refuse(work->system, u"APIC of a strange size");
  if (given->local_apic != LOCAL_APIC) refuse(work->system, u"APIC elsewhere than on q35");
  Madt *made = take(work, bytes);
  u8 *next = made->entries;
  const u8 *wakeup = 0;
  for (u32 at = sizeof(Madt); at < bytes;) {
    const u8 *entry = (const u8 *)given + at;
    if (at + 2 > bytes || entry[1] < 2 || at + entry[1] > bytes) refuse(work->system, u"APIC with a broken entry");
    if (entry[0] == MODEL_WAKEUP && entry[1] == 16) wakeup = entry;
    if (entry[1] == entry_bytes(entry[0])) {
      if (entry[0] == 1 && word(entry + 4) != IO_APIC) refuse(work->system, u"I/O APIC elsewhere than on q35");
      copy(next, entry, entry[1]);
      next += entry[1];
    }
    at += entry[1];
  }
  /* TDX starts its other processors by a mailbox; the firmware appends where it keeps it behind the host's entries. */
  if (tdx && wakeup) { copy(next, wakeup, 16); next += 16; }
  name(&made->header, APIC, (u32)(next - (u8 *)made), 5);
  made->local_apic = LOCAL_APIC;
  made->flags = given->flags & 1;
  return seal(&made->header);
}

static void *make_mcfg(Work *work, const Header *header) {
  const Mcfg *given = (const Mcfg *)header;
  if (header->bytes != sizeof(Mcfg) || given->segment != 0) refuse(work->system, u"MCFG with other than one window");
  if (given->base < FIRST_DEVICE_ADDRESS || given->base >= IO_APIC) refuse(work->system, u"MCFG outside devices");
  Mcfg *made = take(work, sizeof(Mcfg));
  name(&made->header, MCFG, sizeof(Mcfg), 1);
  made->base = given->base;
  made->first_bus = given->first_bus;
  made->last_bus = given->last_bus;
  return seal(&made->header);
}

static void *make_ccel(Work *work, const Header *header) {
  if (header->bytes != sizeof(Ccel)) refuse(work->system, u"CCEL of a strange size");
  Ccel *made = take(work, sizeof(Ccel));
  copy(made, header, sizeof(Ccel));
  return seal(&made->header);
}

static void *make_fadt(Work *work) {
  u64 dsdt_bytes = dsdt_end - dsdt;
  u8 *aml = take(work, dsdt_bytes);
  copy(aml, dsdt, dsdt_bytes);
  Facs *facs = take(work, sizeof(Facs));
  facs->signature = FACS;
  facs->bytes = sizeof(Facs);
  Fadt *made = take(work, sizeof(Fadt));
  name(&made->header, FACP, sizeof(Fadt), 3);
  made->facs = (u32)(u64)facs;
  made->dsdt = (u32)(u64)aml;
  made->x_dsdt = (u64)aml;
  made->sci = SCI;
  made->pm1a_event = PM_EVENT;
  made->pm1_event_bytes = 4;
  made->pm1a_control = PM_CONTROL;
  made->pm1_control_bytes = 2;
  made->pm_timer = PM_TIMER;
  made->pm_timer_bytes = 4;
  made->c2_latency = made->c3_latency = 0xffff;
  made->flags = FLAG_WBINVD | FLAG_C1 | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON | FLAG_RESET;
  made->reset = (Register){.space = SYSTEM_IO, .width = 8, .access = 1, .address = RESET_PORT};
  made->reset_value = RESET_VALUE;
  return seal(&made->header);
}

static Rsdp *make_root(Work *work, void *const *tables, u32 count) {
  u32 bytes = sizeof(Header) + 8 * count;
  Header *xsdt = take(work, bytes);
  name(xsdt, XSDT, bytes, 1);
  for (u32 at = 0; at < count; at++) copy((u8 *)xsdt + sizeof(Header) + 8 * at, &tables[at], 8);
  seal(xsdt);
  Rsdp *root = take(work, sizeof(Rsdp));
  copy(root->signature, "RSD PTR ", 8);
  copy(root->oem, "COCOON", 6);
  root->revision = 2;
  root->bytes = sizeof(Rsdp);
  root->xsdt = (u64)xsdt;
  root->checksum = sum_to_zero(root, 20);
  root->extended = sum_to_zero(root, sizeof(Rsdp));
  return root;
}

static Work allocate(SystemTable *system) {
  u64 address = BELOW_4_GIB;
  if (system->boot->allocate_pages(ALLOCATE_BELOW, ACPI_RECLAIM, AREA_BYTES / 4096, &address)) refuse(system, u"no memory");
  Work work = {system, (u8 *)address, (u8 *)address};
  for (u64 at = 0; at < AREA_BYTES; at++) ((volatile u8 *)work.area)[at] = 0;
  return work;
}

__attribute__((visibility("hidden"))) void EFIAPI replace_acpi_tables(SystemTable *system) {
  const Guid acpi_20 = {0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
  const Guid acpi_10 = {0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
  const Rsdp *given = find_root(system, &acpi_20);
  if (!given || !given->xsdt) refuse(system, u"the firmware gives no tables");
  const Header *xsdt = (const Header *)given->xsdt;
  if (xsdt->signature != XSDT || xsdt->bytes > MAX_XSDT_BYTES) refuse(system, u"XSDT of a strange size");
  int tdx = is_tdx(system);
  const Header *apic = find(xsdt, APIC, tdx), *mcfg = find(xsdt, MCFG, 0), *ccel = tdx ? find(xsdt, CCEL, 1) : 0;
  if (!apic || !mcfg) refuse(system, u"not the tables of q35");

  Work work = allocate(system);
  void *tables[4];
  u32 count = 0;
  tables[count++] = make_fadt(&work);
  tables[count++] = make_madt(&work, apic, tdx);
  tables[count++] = make_mcfg(&work, mcfg);
  if (ccel) tables[count++] = make_ccel(&work, ccel);
  Rsdp *root = make_root(&work, tables, count);
  if (find_root(system, &acpi_10) && system->boot->install_configuration_table(&acpi_10, 0)) refuse(system, u"an old root stays");
  if (system->boot->install_configuration_table(&acpi_20, root)) refuse(system, u"the root cannot be replaced");
}
