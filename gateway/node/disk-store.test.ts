import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CollateralEntry } from '#attestation'
import { unixMs, unixSeconds } from '#base/brand.ts'
import { utf8 } from '#base/bytes.ts'
import { diskStore } from './disk-store.ts'

const clock = () => unixMs(1_800_000_000_000)
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cocoon-collateral-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const entry = (name: string, body: string): CollateralEntry => ({
  name,
  body: utf8(body),
  headers: { 'content-type': 'text/plain' },
  fetchedAt: unixSeconds(1_799_999_000),
})

test('what one process kept, the next one finds', async () => {
  await diskStore(folder, clock).put(entry('amd/crl/vcek/Genoa', 'list'))
  expect(await diskStore(folder, clock).get('amd/crl/vcek/Genoa')).toEqual(
    entry('amd/crl/vcek/Genoa', 'list'),
  )
})

test('a name cannot leave the folder', async () => {
  await diskStore(folder, clock).put(entry('../../outside', 'x'))
  expect(readdirSync(join(folder, '..')).filter((name) => name.startsWith('outside'))).toEqual([])
  expect(await diskStore(folder, clock).get('../../outside')).toEqual(entry('../../outside', 'x'))
})

test('a broken file counts as absent', async () => {
  const store = diskStore(folder, clock)
  await store.put(entry('intel/qe/td', 'x'))
  for (const name of readdirSync(folder)) writeFileSync(join(folder, name), '{"cut')
  expect(await store.get('intel/qe/td')).toBeUndefined()
})

test('a folder that cannot be written means asking again, never a failure', async () => {
  const file = join(folder, 'a file')
  writeFileSync(file, '')
  const store = diskStore(join(file, 'below'), clock)
  await store.put(entry('a', 'x'))
  expect(await store.get('a')).toBeUndefined()
})
