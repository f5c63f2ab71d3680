import { AttestationError, demand } from '../errors.ts'
import { arrayField, type JsonObject, objectField, optionalField, textField } from '../fields.ts'
import type { Vector } from './vector.ts'

const SCHEMA = 'attestation-vectors/2'
const MAX_VECTORS = 10_000
const MAX_TEXT = 4_096

/** A parsed manifest: the vectors, with their collateral sets merged in, and the files' digests. */
export interface Manifest {
  readonly vectors: readonly Vector[]
  /** Path → SHA-256 (hex) of the file. */
  readonly sha256: Readonly<Record<string, string>>
}

/** @throws AttestationError for another schema or a malformed vector */
export function parseManifest(value: unknown): Manifest {
  const manifest = objectField(value, 'manifest')
  demand(manifest['schema'] === SCHEMA, 'version', `manifest schema is not ${SCHEMA}`)
  const sets = optionalField(manifest['collateral_sets'], (sets) => objectField(sets, 'sets')) ?? {}
  const vectors = arrayField(manifest['vectors'], 'vectors', MAX_VECTORS)
  const sha256 = optionalField(manifest['sha256'], (digests) => textRecord(digests, 'sha256')) ?? {}
  return { vectors: vectors.map((vector) => parseVector(vector, sets)), sha256 }
}

function parseVector(value: unknown, sets: JsonObject): Vector {
  const vector = objectField(value, 'vector')
  const text = (key: string): string => textField(vector[key], key, MAX_TEXT)
  const set = optionalField(vector['collateral_set'], (name) => textField(name, 'set', MAX_TEXT))
  const shared = set === undefined ? {} : objectField(sets[set], `collateral set ${set}`)
  const merged = (key: string): Record<string, string> => ({
    ...(optionalField(shared[key], (record) => textRecord(record, key)) ?? {}),
    ...(optionalField(vector[key], (record) => textRecord(record, key)) ?? {}),
  })
  const object = (key: string): JsonObject =>
    optionalField(vector[key], (record) => objectField(record, key)) ?? {}
  return {
    id: text('id'),
    technology: text('technology'),
    subject: text('subject'),
    verdict: text('verdict'),
    clock: optionalField(vector['clock'], (clock) => textField(clock, 'clock', MAX_TEXT)) ?? null,
    reject: optionalField(vector['reject'], (list) => textList(list, 'reject')) ?? null,
    waive: textList(vector['waive'], 'waive'),
    anchors: text('anchors'),
    roles: merged('roles'),
    encoding: merged('encoding'),
    devices: optionalField(vector['devices'], parseDevices) ?? [],
    collateral_set: set,
    input_policy: object('input_policy'),
    expect: object('expect'),
  }
}

function parseDevices(value: unknown): Vector['devices'] {
  return arrayField(value, 'devices', 64).map((entry) => {
    const device = objectField(entry, 'device')
    return {
      report: textField(device['report'], 'device report', MAX_TEXT),
      chain: textField(device['chain'], 'device chain', MAX_TEXT),
    }
  })
}

function textList(value: unknown, what: string): string[] {
  return arrayField(value, what, 64).map((entry) => textField(entry, what, MAX_TEXT))
}

function textRecord(value: unknown, what: string): Record<string, string> {
  const entries = Object.entries(objectField(value, what))
  return Object.fromEntries(entries.map(([key, text]) => [key, textField(text, what, MAX_TEXT)]))
}

/** "2025-06-01T00:00:00Z" in seconds. */
export function parseClock(clock: string): number {
  const ms = Date.parse(clock)
  if (!Number.isFinite(ms)) throw new AttestationError('parse', 'clock is not a time')
  return Math.floor(ms / 1000)
}
