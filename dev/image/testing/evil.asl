// What a host would like to run in the guest's kernel.
DefinitionBlock ("", "SSDT", 2, "EVIL", "CANARY", 1)
{
    OperationRegion (DBGC, SystemIO, 0x00E9, 1)
    Field (DBGC, ByteAcc, NoLock, Preserve) { OUTC, 8 }
    Store (0x41, OUTC)
    Store (0x4D, OUTC)
    Store (0x4C, OUTC)
}
