import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, startChild } from './process.ts'

const VERSION = '1.15.2'
/** With a newer @hono/node-server every stream of this release answers 500 ("immutable"). */
const HONO_NODE_SERVER = '1.13.5'

/**
 * Starts the peer from npm, installed outside our dependencies.
 * @returns undefined when the registry cannot be reached: the table then says "not run"
 */
export async function startPortkey(folder: string, port: number): Promise<Child | undefined> {
  const entry = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js')
  if (!existsSync(entry)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({
        private: true,
        dependencies: { '@portkey-ai/gateway': VERSION },
        overrides: { '@hono/node-server': HONO_NODE_SERVER },
      }),
    )
    try {
      execFileSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'ignore' })
    } catch {
      return undefined
    }
  }
  return startChild(process.execPath, [entry, '--headless', `--port=${port}`], { ready: /./ })
}
