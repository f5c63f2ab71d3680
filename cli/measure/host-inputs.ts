/** What becomes of something that the host supplies at launch. */
export type Treatment = 'measured' | 'ignored' | 'checked' | 'NOT STOPPED'

export interface HostInput {
  readonly input: string
  readonly sevSnp: Treatment
  readonly tdx: Treatment
  readonly how: string
}

/**
 * Everything that a host hands to the guest before and while it boots (THREATS H22), and what stops a lie in it:
 * part of the image hash, never used, or checked by measured code. A row that nothing stops says so.
 */
export const HOST_INPUTS: readonly HostInput[] = [
  {
    input: 'firmware (OVMF)',
    sevSnp: 'measured',
    tdx: 'measured',
    how: 'MEASUREMENT; MRTD',
  },
  {
    input: 'kernel, initrd, command line',
    sevSnp: 'measured',
    tdx: 'measured',
    how: 'table of hashes in MEASUREMENT, checked by the firmware; RTMR1 and RTMR2',
  },
  {
    input: 'root file system',
    sevSnp: 'checked',
    tdx: 'checked',
    how: 'dm-verity by the root hash on the measured command line',
  },
  {
    input: 'model weights',
    sevSnp: 'checked',
    tdx: 'checked',
    how: 'dm-verity or digests, named in the attested subject and in the Registry',
  },
  {
    input: 'number and model of processors, their first state',
    sevSnp: 'measured',
    tdx: 'checked',
    how: 'VMSA pages in MEASUREMENT; the TDX module starts processors in a fixed state',
  },
  {
    input: 'CPUID',
    sevSnp: 'checked',
    tdx: 'checked',
    how: 'the CPUID page is filtered by the SEV firmware; the TDX module answers',
  },
  {
    input: 'memory map (E820, TD HOB)',
    sevSnp: 'checked',
    tdx: 'checked',
    how: 'pages are accepted once (PVALIDATE, TDG.MEM.PAGE.ACCEPT); RTMR0 is not part of the image hash',
  },
  {
    input: 'AML (DSDT, SSDT) and other ACPI tables',
    sevSnp: 'ignored',
    tdx: 'ignored',
    how: 'a guard in the measured kernel gives Linux the image’s own DSDT and FADT, and drops the host’s',
  },
  {
    input: 'ACPI lists of processors, interrupts, PCI windows (MADT, MCFG)',
    sevSnp: 'checked',
    tdx: 'checked',
    how: 'copied entry by entry by that guard, with the addresses of q35 only; others end the machine before Linux',
  },
  {
    input: 'UEFI variables, boot order',
    sevSnp: 'ignored',
    tdx: 'ignored',
    how: 'the machine has no variable store (-bios), and direct boot asks for no boot order',
  },
  {
    input: 'PCI devices and their option ROMs',
    sevSnp: 'checked',
    tdx: 'checked',
    how: 'devices are started without ROMs, but a host may add others: their drivers are the kernel’s; the GPU by SPDM',
  },
  {
    input: 'virtio devices (disk, network, console, vsock)',
    sevSnp: 'checked',
    tdx: 'checked',
    how: 'disks by dm-verity, and nothing is written to any; network carries sealed bodies and TLS only',
  },
  {
    input: 'partition tables of disks (home, var, swap)',
    sevSnp: 'ignored',
    tdx: 'ignored',
    how: 'systemd.gpt_auto=0 and systemd.swap=0 on the measured command line; the root and the weights are whole disks',
  },
  {
    input: 'systemd credentials by SMBIOS and fw_cfg',
    sevSnp: 'ignored',
    tdx: 'ignored',
    how: 'systemd.import_credentials=no on the measured command line: otherwise they could add units and passwords',
  },
  {
    input: 'settings of the host (wallet, gateways, network)',
    sevSnp: 'checked',
    tdx: 'checked',
    how: 'a strict schema; the wallet is in the attested subject; nothing else is read',
  },
  {
    input: 'wall clock',
    sevSnp: 'checked',
    tdx: 'checked',
    how: 'keys live a day at most, and verifiers refuse evidence by their own clock',
  },
  {
    input: 'memory bus (interposers)',
    sevSnp: 'NOT STOPPED',
    tdx: 'NOT STOPPED',
    how: 'physical attacks: see SECURITY.md',
  },
]
