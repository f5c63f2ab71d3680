import { beforeAll, describe, expect, test } from 'vitest'
import type { IntelForge } from '#dev/forge/intel.ts'
import { svnLevel, type TcbInfoJson } from '#dev/forge/intel-tcb.ts'
import type { CollateralEntry } from '../collateral/entry.ts'
import { parseTdxEvidence, qeIdentityName, tcbInfoName } from './evidence.ts'
import { preflightTdx, type TcbOutlook } from './preflight.ts'
import { NOW, tdxForge } from './testing/judge.ts'

let forge: IntelForge

beforeAll(async () => {
  forge = await tdxForge()
})

/** The outlook of a good machine when Intel's early TCB info has this edit; undefined: there is none. */
async function outlook(edit: ((info: TcbInfoJson) => void) | undefined): Promise<TcbOutlook> {
  const collateral = new Map(await forge.collateral())
  const copy = (from: string, to: string, body?: CollateralEntry['body']): void => {
    const entry = collateral.get(from)
    if (entry === undefined) throw new Error(`no ${from}`)
    collateral.set(to, { ...entry, name: to, body: body ?? entry.body })
  }
  const names = (update: 'standard' | 'early'): string => tcbInfoName('tdx', forge.fmspc, update)
  if (edit !== undefined) {
    copy(names('standard'), names('early'), await forge.tcbInfo({ edit }))
    copy(qeIdentityName('tdx', 'standard'), qeIdentityName('tdx', 'early'))
  }
  const evidence = parseTdxEvidence({ quote: await forge.quote() })
  return preflightTdx({ evidence, collateral, now: NOW, anchors: [forge.root] })
}

describe('the TCB preflight', () => {
  test('warns of a recovery that early data announces, with its new advisories', async () => {
    const found = await outlook((info) => {
      info.tcbEvaluationDataNumber += 1
      const [module] = info.tdxModuleIdentities.filter(({ id }) => id === 'TDX_01')
      module?.tcbLevels.splice(
        0,
        1,
        svnLevel(7, '2025-11-01T00:00:00Z', 'UpToDate'),
        svnLevel(6, '2025-05-01T00:00:00Z', 'OutOfDate', ['INTEL-SA-01397']),
      )
    })
    expect(found).toMatchObject({
      known: true,
      now: { status: 'UpToDate' },
      soon: { status: 'OutOfDate' },
      evaluationNumber: 21,
      warning: { code: 'tcb-recovery-ahead', advisories: ['INTEL-SA-01397'] },
    })
  })

  test('is silent while the machine stays as good as it is', async () => {
    const found = await outlook((info) => {
      info.tcbEvaluationDataNumber += 1
    })
    expect(found).toMatchObject({ known: true, warning: undefined })
  })

  test('says so when it cannot know: no early data, or data that Intel did not sign', async () => {
    const missing = await outlook(undefined)
    expect(missing.known).toBe(false)
    const failed = missing.known ? [] : missing.checks.filter(({ status }) => status === 'fail')
    expect(failed.map(({ id }) => id)).toEqual(['tdx.tcb-info'])
  })
})
