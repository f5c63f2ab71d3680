import { z } from 'zod'
import { nanoPerMillion, parseNano } from '#base/nano.ts'
import type { KeyBudget, KeyBudgetPatch, KeyRules, KeyRulesPatch } from './port.ts'

export const NO_RULES: KeyRules = {
  models: null,
  origins: null,
  maxPrice: { input: null, output: null },
  requestsPerMinute: null,
  tokensPerMinute: null,
  concurrency: null,
}

/** The rules with what the patch names. */
export function patchRules(rules: KeyRules, patch: KeyRulesPatch): KeyRules {
  return { ...rules, ...patch, maxPrice: { ...rules.maxPrice, ...patch.maxPrice } }
}

const NO_BUDGET: KeyBudget = { total: null, day: null, week: null, month: null }

/** The budget with what the patch names; one without any limit is none. */
export function patchBudget(
  before: KeyBudget | null,
  patch: KeyBudgetPatch | null,
): KeyBudget | null {
  if (patch === null) return null
  const budget = { ...NO_BUDGET, ...before, ...patch }
  return Object.values(budget).every((most) => most === null) ? null : budget
}

/** A key's rules as their column holds them: what is null is left out. */
export function formatKeyRules(rules: KeyRules): string {
  const { models, origins, maxPrice, requestsPerMinute, tokensPerMinute, concurrency } = rules
  const set = Object.entries({
    models,
    origins,
    max_input: maxPrice.input?.toString() ?? null,
    max_output: maxPrice.output?.toString() ?? null,
    rpm: requestsPerMinute,
    tpm: tokensPerMinute,
    concurrency,
  }).filter(([, rule]) => rule !== null)
  return JSON.stringify(Object.fromEntries(set))
}

const price = z
  .string()
  .transform((text) => nanoPerMillion(parseNano(text)))
  .optional()
const count = z.number().int().positive().optional()
const list = z.array(z.string()).optional()
const Column = z.strictObject({
  models: list,
  origins: list,
  max_input: price,
  max_output: price,
  rpm: count,
  tpm: count,
  concurrency: count,
})

/** The inverse of `formatKeyRules`. Throws for anything else: a rule that is not understood must not be dropped. */
export function parseKeyRules(text: string): KeyRules {
  if (text === '{}') return NO_RULES
  const rules = Column.parse(JSON.parse(text))
  return {
    models: rules.models ?? null,
    origins: rules.origins ?? null,
    maxPrice: { input: rules.max_input ?? null, output: rules.max_output ?? null },
    requestsPerMinute: rules.rpm ?? null,
    tokensPerMinute: rules.tpm ?? null,
    concurrency: rules.concurrency ?? null,
  }
}
