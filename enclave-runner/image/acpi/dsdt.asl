// The whole AML of a runner's machine: QEMU's q35 as far as a server without hot-plug needs it. It replaces what the
// host supplies (guard.c). Windows of PCI are left to the firmware's assignments (pci=nocrs), interrupts to MSI.
DefinitionBlock ("", "DSDT", 2, "COCOON", "RUNNER", 1)
{
    Name (\_S5, Package () { 0, 0, 0, 0 })

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_SEG, 0)
            Name (_BBN, 0)
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0xFF, 0, 0x100)
            })
        }

        // The runner reads its host's settings from here.
        Device (FWCF)
        {
            Name (_HID, "QEMU0002")
            Name (_STA, 0x0B)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0510, 0x0510, 0x01, 0x0C)
            })
        }
    }
}
