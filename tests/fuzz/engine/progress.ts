import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { base64, fromBase64 } from '#base/bytes.ts'
import type { Finding } from './findings.ts'
import type { Bytes } from './target.ts'

/** How far a target's run has come: what a run that was cut goes on from. */
export interface Progress {
  readonly target: string
  readonly seed: number
  readonly ran: number
  readonly accepted: number
  /** Characters of our sources that the guided part lit. */
  readonly lit: number
  readonly kept: readonly Bytes[]
  /** Rounds of `ROUND` inputs that followed the guided part; each has numbers of its own. */
  readonly rounds: number
  readonly processorSeconds: number
  readonly findings: readonly Finding[]
}

export function writeProgress(folder: string, progress: Progress): void {
  mkdirSync(folder, { recursive: true })
  const file = fileOf(folder, progress.target)
  // Renamed into place, so that a cut leaves the old one or the new one.
  writeFileSync(`${file}.new`, JSON.stringify(progress, asText))
  renameSync(`${file}.new`, file)
}

/** @returns undefined for a target that has not run yet */
export function readProgress(folder: string, target: string): Progress | undefined {
  let text: string
  try {
    text = readFileSync(fileOf(folder, target), 'utf8')
  } catch {
    return undefined
  }
  return JSON.parse(text, ofText)
}

const BYTES = 'base64:'

function asText(_: string, member: unknown): unknown {
  return member instanceof Uint8Array ? BYTES + base64(member) : member
}

function ofText(_: string, member: unknown): unknown {
  const isBytes = typeof member === 'string' && member.startsWith(BYTES)
  return isBytes ? fromBase64(member.slice(BYTES.length)) : member
}

function fileOf(folder: string, target: string): string {
  return join(folder, `${target.replaceAll(/[^a-z0-9]+/gi, '-')}.json`)
}
