import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { EngineError } from '../engine-error.ts'

/**
 * Where an engine runs: another user, no capabilities, and a network namespace of its own in which only loopback is up
 * (H13). A unix socket is a file, so that it stays the one way in and there is no way out.
 */
export interface Confinement {
  /** Puts a command inside. */
  wrap(command: string, args: readonly string[]): readonly [string, readonly string[]]
  /** The user that the engine is. */
  readonly uid: number
  close(): Promise<void>
}

const IP = '/usr/sbin/ip'
const SETPRIV = '/usr/bin/setpriv'
/** A user that owns nothing else. */
const ENGINE_UID = 64_321

const run = promisify(execFile)

/** @throws EngineError where this process may not make namespaces: the engine must not start unconfined */
export async function openConfinement(name: string): Promise<Confinement> {
  try {
    await run(IP, ['netns', 'add', name])
    await run(IP, ['-n', name, 'link', 'set', 'lo', 'up'])
  } catch (cause) {
    throw new EngineError('engine_failed', 'the engine cannot be confined: not root, or no ip', {
      cause,
    })
  }
  return {
    uid: ENGINE_UID,
    wrap: (command, args) => [
      IP,
      ['netns', 'exec', name, SETPRIV, ...DROPS, '--', command, ...args],
    ],
    close: async () => {
      await run(IP, ['netns', 'del', name])
    },
  }
}

const DROPS = [
  `--reuid=${ENGINE_UID}`,
  `--regid=${ENGINE_UID}`,
  '--clear-groups',
  '--no-new-privs',
  '--bounding-set=-all',
  '--inh-caps=-all',
  '--ambient-caps=-all',
]
