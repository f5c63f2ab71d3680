import { describe, expect, test } from 'vitest'
import { ProtocolError } from './errors.ts'
import type { Report } from './registration.ts'
import { agreeVersion, offeredVersions, readVersion, spokenBy, VERSION } from './version.ts'

/** Releases of today and of later: the rule must hold before there is a second version. */
const RELEASES = [1, 2, 3, 4]

// Sound for tests: nothing else of a report is read.
const reportOf = (versions: unknown): Report =>
  ({ service_capabilities: { supported_e2ee_versions: versions } }) as unknown as Report

function messageOf(run: () => unknown): string {
  try {
    return String(run())
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return `${error.code}: ${error.message}`
  }
}

describe('two releases', () => {
  const pairs = RELEASES.flatMap((sender) => RELEASES.map((runner) => [sender, runner] as const))

  test.each(pairs)('a sender of version %i and a runner of version %i', (sender, runner) => {
    const report = reportOf(['ehbp', ...offeredVersions(spokenBy(runner))])
    const agreed = messageOf(() => agreeVersion(report, spokenBy(sender)))
    const newest = Math.min(sender, runner)
    if (Math.abs(sender - runner) <= 1) {
      // What the sender seals in is what the runner opens.
      expect(agreed).toBe(String(newest))
      expect(readVersion(agreed, spokenBy(runner))).toBe(newest)
    } else {
      expect(agreed).toMatch(/^version_unsupported: .*upgrade /)
      expect(agreed).toContain(sender < runner ? 'upgrade this peer' : 'upgrade the runner')
    }
  })

  test.each(pairs)('a header of version %i at a peer of version %i', (header, own) => {
    const read = messageOf(() => readVersion(String(header), spokenBy(own)))
    if (header === own || header === own - 1) expect(read).toBe(String(header))
    else {
      expect(read).toMatch(/^version_unsupported/)
      expect(read).toContain(header > own ? 'upgrade this peer' : 'upgrade the sender')
    }
  })
})

test.each(['0', '01', '+1', '1.0', ' 1', '1 ', '10000', 'x', ''])('%j is no version', (text) => {
  expect(() => readVersion(text)).toThrow('this peer speaks x-cocoon-version 1')
})

test.each([[undefined], [null], ['cocoon/1'], [[]], [['2', 'ehbp', 'cocoon/', 'cocoon/01', 7]]])(
  'a report that lists %j names no version to seal in',
  (versions) => {
    expect(() => agreeVersion(reportOf(versions))).toThrow('upgrade the runner')
  },
)

test('this release speaks one version, as the vectors have it', () => {
  expect(VERSION).toBe(1)
  expect(offeredVersions()).toEqual(['cocoon/1'])
})
