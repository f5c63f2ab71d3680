/** Settings that are keys: a gateway in a confidential machine gets them by proof, not by its host's hand. */
export const RELEASED_NAMES = [
  'GATEWAY_SECRET',
  'METER_KEY',
  'GAS_KEY',
  'ADMIN_KEY',
  'METRICS_TOKEN',
  'TON_API_KEY',
  'DATABASE_URL',
] as const

export type ReleasedSettings = Readonly<Partial<Record<(typeof RELEASED_NAMES)[number], string>>>

/** @throws RangeError that names what is wrong, never a value */
export function readReleasedSettings(value: unknown): ReleasedSettings {
  if (typeof value !== 'object' || value === null) throw new RangeError('keys must be an object')
  const names: ReadonlySet<string> = new Set(RELEASED_NAMES)
  for (const [name, text] of Object.entries(value)) {
    if (!names.has(name)) throw new RangeError(`takes only ${RELEASED_NAMES.join(', ')}`)
    if (typeof text !== 'string' || text === '') throw new RangeError(`${name} must be text`)
  }
  // Sound: every member was just checked for its name and type.
  return value as ReleasedSettings
}
