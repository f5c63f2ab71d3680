import init from '#migrations/0000_init.sql'
import models from '#migrations/0001_models.sql'
import keys from '#migrations/0002_keys.sql'
import money from '#migrations/0003_money.sql'
import runnerScores from '#migrations/0004_runner_scores.sql'
import capabilities from '#migrations/0014_capabilities.sql'
import chainWaiting from '#migrations/0017_chain_waiting.sql'
import runnerHours from '#migrations/0017_runner_hours.sql'
import walletLinks from '#migrations/0017_wallet_links.sql'
import chequeFee from '#migrations/0018_cheque_fee.sql'
import sessionsKeyset from '#migrations/0019_sessions_keyset.sql'
import type { Migration } from '../db/migrate.ts'

/** Every migration by name: a Worker has no folder to read. */
export const MIGRATIONS: readonly Migration[] = [
  { name: '0000_init', sql: init },
  { name: '0001_models', sql: models },
  { name: '0002_keys', sql: keys },
  { name: '0003_money', sql: money },
  { name: '0004_runner_scores', sql: runnerScores },
  { name: '0014_capabilities', sql: capabilities },
  { name: '0017_chain_waiting', sql: chainWaiting },
  { name: '0017_runner_hours', sql: runnerHours },
  { name: '0017_wallet_links', sql: walletLinks },
  { name: '0018_cheque_fee', sql: chequeFee },
  { name: '0019_sessions_keyset', sql: sessionsKeyset },
]
