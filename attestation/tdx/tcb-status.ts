/** Every status that Intel gives a platform's TCB level. */
export const PLATFORM_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const

/** Every status that Intel gives a TDX module or a quoting enclave. */
export const COMPONENT_STATUSES = ['UpToDate', 'OutOfDate', 'Revoked'] as const

export type PlatformStatus = (typeof PLATFORM_STATUSES)[number]
export type ComponentStatus = (typeof COMPONENT_STATUSES)[number]

/** The status of a whole TD: platform, module and quoting enclave together. */
export type TcbStatus =
  | PlatformStatus
  | 'TDRelaunchAdvised'
  | 'TDRelaunchAdvisedConfigurationNeeded'
  | 'NotSupported'

/** What a policy may accept, best first. Revoked, unknown and unsupported TCBs have no such switch. */
export const ACCEPTABLE_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'TDRelaunchAdvised',
  'TDRelaunchAdvisedConfigurationNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
] as const satisfies readonly TcbStatus[]

export type AcceptableStatus = (typeof ACCEPTABLE_STATUSES)[number]

/** What an outdated module or quoting enclave makes of the status so far; absent: it stays. */
const OUTDATED: Readonly<Partial<Record<TcbStatus, TcbStatus>>> = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
}

/** Merges the status of a component into that of the platform: never better than either. */
export function mergeStatus(
  status: TcbStatus,
  component: ComponentStatus | 'NotSupported',
): TcbStatus {
  if (component === 'Revoked' || component === 'NotSupported') return component
  return component === 'OutOfDate' ? (OUTDATED[status] ?? status) : status
}

const CONFIGURATION_NEEDED: ReadonlySet<TcbStatus> = new Set([
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDateConfigurationNeeded',
])

export function needsConfiguration(status: TcbStatus): boolean {
  return CONFIGURATION_NEEDED.has(status)
}
