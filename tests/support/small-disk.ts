import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SIZE = '64M'

/** A file system of its own, ext4 as most servers have it. Mounting takes root. */
export interface SmallDisk {
  readonly folder: string
  /** Files take no writes any more, from processes that hold them open neither. */
  freeze(files: readonly string[]): void
  thaw(files: readonly string[]): void
  /** What Linux does after a disk that failed: read-only at once, until it is repaired. */
  fail(): void
  /** With nobody using it: unmounts, checks and mounts it again. */
  repair(options?: 'read-only'): void
  remove(): void
}

export function openSmallDisk(): SmallDisk {
  const home = mkdtempSync(join(tmpdir(), 'cocoon-disk-'))
  const image = join(home, 'image')
  const folder = join(home, 'mounted')
  const run = (command: string, ...args: string[]): void => {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
  run('truncate', '-s', SIZE, image)
  run('mkfs.ext4', '-q', '-F', image)
  run('mkdir', folder)
  run('mount', '-o', 'loop', image, folder)
  return {
    folder,
    freeze: (files) => run('chattr', '+i', ...files),
    thaw: (files) => run('chattr', '-i', ...files),
    fail: () => run('mount', '-o', 'remount,abort', folder),
    repair(options) {
      run('umount', folder)
      // It exits with 1 when it mended something.
      run('sh', '-c', `e2fsck -p ${image} || [ $? = 1 ]`)
      run('mount', '-o', options === 'read-only' ? 'loop,ro' : 'loop', image, folder)
    },
    remove() {
      run('umount', '-l', folder)
      rmSync(home, { recursive: true })
    },
  }
}
