import { request } from 'node:http'
import { freePorts } from '#dev/world/ports.ts'
import { jsonFrameBeforeReceipt, padJson, padSse } from '#protocol'
import { nodeProvider } from '#protocol/node'
import { type Child, cpuMs, startChild } from './process.ts'
import type { Section } from './section.ts'

const MIB = 1024 * 1024
const FRAME_BYTES = 65_556

/** The same sealed bodies through the least relay and through ours: neither opens a byte. */
export async function sealedRelaySection(quick: boolean): Promise<Section> {
  const frames = quick ? 2_000 : 8_000
  const rounds = 4
  const ports = await freePorts()
  const children: Child[] = []
  const start = async (script: string, ...args: readonly number[]): Promise<Child> => {
    const child = await startChild(process.execPath, [`bench/${script}.ts`, ...args.map(String)])
    children.push(child)
    return child
  }
  try {
    const { chain: upstream, runner: bare, gateway: ours } = ports
    await start('sealed-upstream', upstream)
    const subjects = [
      { name: 'bare relay', port: bare, child: await start('bare-relay', bare, upstream) },
      { name: 'ours, sealed', port: ours, child: await start('sealed-relay', ours, upstream) },
    ]
    const best = new Map(subjects.map(({ name }) => [name, { rate: 0, cpuUs: Infinity }]))
    for (let round = 0; round < rounds; round++) {
      // Turn by turn, so that what else the machine does meets both.
      for (const { name, port, child } of subjects) {
        const measured = await download(port, frames, child.pid)
        const known = best.get(name)
        if (known === undefined) continue
        known.rate = Math.max(known.rate, measured.rate)
        known.cpuUs = Math.min(known.cpuUs, measured.cpuUs)
      }
    }
    const yardstick = best.get('bare relay')
    return {
      title: `Relaying ${Math.round((frames * FRAME_BYTES) / MIB)} MiB of sealed frames of 64 KiB, best of ${rounds}`,
      header: ['through', 'MiB/s', 'CPU per MiB', 'rate of the bare relay’s'],
      rows: [...best].map(([name, { rate, cpuUs }]) => [
        name,
        rate.toFixed(0),
        `${cpuUs.toFixed(0)} µs`,
        `${((100 * rate) / (yardstick?.rate ?? rate)).toFixed(0)} %`,
      ]),
    }
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}

async function download(port: number, frames: number, pid: number) {
  const cpu = cpuMs(pid)
  const began = performance.now()
  const bytes = await new Promise<number>((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path: `/${frames}`, method: 'POST' },
      (answer) => {
        let length = 0
        answer.on('data', (part: Buffer) => {
          length += part.length
        })
        answer.on('end', () => resolve(length))
        answer.on('error', reject)
      },
    )
    asked.on('error', reject)
    asked.end()
  })
  if (bytes !== frames * FRAME_BYTES) throw new Error(`${bytes} bytes came through`)
  const mib = bytes / MIB
  return {
    rate: mib / ((performance.now() - began) / 1000),
    cpuUs: ((cpuMs(pid) - cpu) * 1000) / mib,
  }
}

/** What length hiding adds to the wire, by what is sent. */
export async function hidingSection(): Promise<Section> {
  const keys = { key: new Uint8Array(32), nonce: new Uint8Array(12), end: true }
  const wire = (plaintext: Uint8Array): number =>
    nodeProvider.bodies.sealer(keys).seal(plaintext).length
  const row = (name: string, bytes: number, hidden: Uint8Array): string[] => {
    const bare = wire(new Uint8Array(bytes))
    const padded = wire(hidden)
    const added = `${padded - bare} (${((100 * (padded - bare)) / bare).toFixed(0)} %)`
    return [name, String(bare), String(padded), added]
  }
  const event = (bytes: number, count = 1) => padSse(new Uint8Array(bytes * count))
  const json = (bytes: number) => padJson(new Uint8Array(bytes))
  const answer = new TextEncoder().encode(JSON.stringify({ answer: 'x'.repeat(900) }))
  return {
    title: 'Length hiding: bytes of one sealed frame on the wire',
    header: ['what is sent', 'without', 'with', 'added'],
    rows: [
      row('an event of 200 bytes by itself', 200, event(200)),
      row('10 such events in one frame', 2_000, event(200, 10)),
      row('80 such events in one frame', 16_000, event(200, 80)),
      row('a request of 300 bytes', 300, json(300)),
      row('a request of 6,000 bytes', 6_000, json(6_000)),
      row('a request of 100,000 bytes', 100_000, json(100_000)),
      row('a JSON answer of 900 characters', answer.length, jsonFrameBeforeReceipt(answer)),
    ],
    note: 'END adds 20 bytes to every body; the signed receipt is a frame of its own, of 2,068 bytes in a stream.',
  }
}
