/**
 * Puts the guard of ACPI tables before a kernel: the host's AML never reaches Linux.
 *
 * usage: node dev/guard-kernel.ts KERNEL GUARD FILE
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { attachGuard } from './image/attach-guard.ts'

const [kernel, guard, outfile] = process.argv.slice(2)
if (kernel === undefined || guard === undefined || outfile === undefined) {
  throw new Error('usage: node dev/guard-kernel.ts KERNEL GUARD FILE')
}
const read = (path: string) => new Uint8Array(readFileSync(path))
writeFileSync(outfile, attachGuard(read(kernel), read(guard)))
