import { hex } from '#base/bytes.ts'
import { type Check, Checklist } from '../checks.ts'
import { SEV_CHECKS } from './checks.ts'
import { PERMISSIONS, PLATFORM, RESTRICTIONS, type SevPolicy } from './policy.ts'
import type { SevFacts } from './prove.ts'
import { type SevVersion, versionText } from './report.ts'
import { partsBelow, type SevTcb, tcbText } from './tcb.ts'
import type { SevFloor } from './tcb-floors.ts'

type List = Checklist<typeof SEV_CHECKS>

const POLICY_MUST_BE_ONE = 17n
const POLICY_RESERVED_FROM = 26n

/**
 * Holds proven facts against a policy and collects every rule that they break. Measurement and report data
 * are common to all technologies and judged outside.
 */
export function appraiseSev(facts: SevFacts, policy: SevPolicy): readonly Check[] {
  const list = new Checklist(SEV_CHECKS)
  judgeCollateral(list, facts, policy)
  judgeTcb(list, facts, policy)
  judgeGuestPolicy(list, facts, policy)
  judgePlatform(list, facts, policy)
  judgeIdentity(list, facts, policy)
  return list.checks
}

function judgeCollateral(list: List, { crl, product }: SevFacts, policy: SevPolicy): void {
  if (crl.state === 'absent') {
    if (policy.crl === 'unchecked') list.skip('sev.crl', 'the policy needs no revocation list')
    else list.fail('sev.crl', 'crl-missing', 'no revocation list at hand')
    list.skip('sev.crl-number', 'no revocation list at hand')
    return
  }
  const fresh = crl.state === 'current'
  if (!fresh && policy.crl !== 'current') list.skip('sev.crl', 'the policy accepts an old list')
  else list.judge('sev.crl', fresh, 'crl-expired', 'revocation list is outside its dates')
  const floor = policy.minCrlNumber[product] ?? 0n
  const detail = `CRL number ${crl.number}, at least ${floor} demanded`
  list.judge('sev.crl-number', crl.number >= floor, 'crl-rollback', detail)
}

function judgeTcb(list: List, { report, tcb, product }: SevFacts, policy: SevPolicy): void {
  const ordered: readonly [string, SevTcb, SevTcb][] = [
    ['reported above committed', tcb.reported, tcb.committed],
    ['committed above launch', tcb.committed, tcb.launch],
    ['launch above current', tcb.launch, tcb.current],
  ]
  const broken = ordered.filter(([, low, high]) => partsBelow(high, low).length > 0)
  list.judge('sev.tcb-order', broken.length === 0, 'tcb-order', broken.map(([what]) => what).join())
  const committed =
    partsBelow(tcb.committed, tcb.current).length === 0 &&
    compareVersions(report.committed, report.current) >= 0
  const versions =
    `committed ${versionText(report.committed)} (${tcbText(tcb.committed)}), ` +
    `current ${versionText(report.current)} (${tcbText(tcb.current)})`
  if (policy.allowProvisionalFirmware && !committed) {
    list.skip('sev.firmware-committed', 'the policy accepts uncommitted firmware')
  } else list.judge('sev.firmware-committed', committed, 'provisional', versions)
  const floor = policy.floors[product]
  if (floor === undefined) {
    list.fail('sev.tcb-floor', 'tcb-floor', `the policy has no floor for ${product}`)
    list.fail('sev.firmware-floor', 'tcb-floor', `the policy has no floor for ${product}`)
    return
  }
  const least = floorOf(floor, report)
  const below = (['reported', 'committed', 'launch'] as const).flatMap((which) =>
    partsBelow(tcb[which], least).map((part) => {
      return `${which} ${part} ${tcb[which][part]}, at least ${least[part]} demanded`
    }),
  )
  list.judge('sev.tcb-floor', below.length === 0, 'tcb-floor', below.join('; '))
  const firmware = compareVersions(report.committed, floor.firmware) >= 0
  const wanted = `${versions}, at least ${versionText(floor.firmware)} demanded`
  list.judge('sev.firmware-floor', firmware, 'tcb-floor', wanted)
}

/** The floor for this very silicon; one that is not listed gets a floor that nothing reaches. */
function floorOf({ tcb, ucodeBySilicon }: SevFloor, { cpuid }: SevFacts['report']): SevTcb {
  if (ucodeBySilicon === 'any') return tcb
  const silicon = cpuid === undefined ? '' : `${cpuid.model.toString(16)}.${cpuid.stepping}`
  const listed = Object.hasOwn(ucodeBySilicon, silicon) ? ucodeBySilicon[silicon] : undefined
  return { ...tcb, ucode: Math.max(tcb.ucode, listed ?? Number.POSITIVE_INFINITY) }
}

function compareVersions(a: SevVersion, b: SevVersion): number {
  return a.major - b.major || a.minor - b.minor || a.build - b.build
}

function judgeGuestPolicy(list: List, { report }: SevFacts, policy: SevPolicy): void {
  const bits = report.policy
  const has = (bit: number): boolean => ((bits >> BigInt(bit)) & 1n) === 1n
  const reserved = ((bits >> POLICY_MUST_BE_ONE) & 1n) === 1n && bits >> POLICY_RESERVED_FROM === 0n
  const text = `guest policy 0x${bits.toString(16)}`
  list.judge('sev.guest-policy-reserved', reserved, 'reserved-bits', text)
  const debug = !has(PERMISSIONS.debug) || policy.allowDebug
  list.judge('sev.debug', debug, 'policy-debug', `${text} allows debugging`)
  const migrate = !has(PERMISSIONS.migrateMa) || policy.allowMigrationAgent
  list.judge('sev.migration', migrate, 'policy-migrate', `${text} allows a migration agent`)
  const wrong = [
    ...policy.forbiddenPermissions.filter((name) => has(PERMISSIONS[name])),
    ...policy.demandedRestrictions.filter((name) => !has(RESTRICTIONS[name])),
  ]
  list.judge('sev.guest-policy', wrong.length === 0, 'policy-bits', `${text}: ${wrong.join()}`)
  const abi = { minor: Number(bits & 0xffn), major: Number((bits >> 8n) & 0xffn), build: 0 }
  const enough = compareVersions(abi, { ...policy.minAbi, build: 0 }) >= 0
  const wanted = `ABI ${abi.major}.${abi.minor}, ${policy.minAbi.major}.${policy.minAbi.minor} demanded`
  list.judge('sev.abi', enough, 'abi-version', wanted)
}

function judgePlatform(list: List, { report }: SevFacts, policy: SevPolicy): void {
  const has = (name: keyof typeof PLATFORM): boolean =>
    ((report.platformInfo >> BigInt(PLATFORM[name])) & 1n) === 1n
  const alias = 'aliasCheckComplete'
  if (policy.demandedPlatform.includes(alias)) {
    const shown = report.version >= 3 && has(alias)
    const why =
      report.version >= 3 ? 'memory alias check is not complete' : 'version 2 cannot show it'
    list.judge('sev.alias-check', shown, 'alias-check', why)
  } else list.skip('sev.alias-check', 'the policy does not demand it')
  const wrong = [
    ...policy.demandedPlatform.filter((name) => name !== alias && !has(name)),
    ...policy.forbiddenPlatform.filter((name) => has(name)),
  ]
  const text = `platform info 0x${report.platformInfo.toString(16)}: ${wrong.join()}`
  list.judge('sev.platform-info', wrong.length === 0, 'platform-info', text)
  judgeMitigations(list, report, policy.demandedMitigations)
}

function judgeMitigations(list: List, report: SevFacts['report'], demanded: bigint): void {
  const { launchMitigations: launch, currentMitigations: current } = report
  if (demanded === 0n) {
    list.skip('sev.mitigations', 'the policy demands none')
    return
  }
  // Before version 5 nothing shows them, so a demand cannot be met.
  const met = ((launch ?? 0n) & (current ?? 0n) & demanded) === demanded
  list.judge('sev.mitigations', met, 'mitigation', `0x${demanded.toString(16)} demanded`)
}

function judgeIdentity(list: List, { report, vek }: SevFacts, policy: SevPolicy): void {
  const { version, vmpl, guestSvn } = report
  list.judge(
    'sev.version',
    policy.versions.includes(version),
    'version',
    `report version ${version}`,
  )
  list.judge('sev.vmpl', policy.vmpl.includes(vmpl), 'vmpl', `VMPL ${vmpl}`)
  const svn = guestSvn >= policy.minGuestSvn
  list.judge('sev.guest-svn', svn, 'tcb-floor', `guest SVN ${guestSvn} below ${policy.minGuestSvn}`)
  if (vek.kind === 'vcek') list.skip('sev.vlek-csp', 'signed by the chip’s own key')
  else {
    const listed = policy.cspIds.includes(vek.cspId ?? '')
    list.judge('sev.vlek-csp', listed, 'vlek-csp', `VLEK of ${vek.cspId} is not pinned`)
  }
  const wrong = policy.pins.filter(({ field, values }) => !values.includes(hex(report[field])))
  const fields = wrong.map(({ field }) => field).join()
  list.judge('sev.pins', wrong.length === 0, 'pin-mismatch', `${fields} differ from the pins`)
}
