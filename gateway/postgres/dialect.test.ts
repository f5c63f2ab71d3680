import { expect, test } from 'vitest'
import { inPostgres } from './dialect.ts'

test('placeholders are numbered in their order, and a question in quotes is none', () => {
  expect(inPostgres(`SELECT '?' || "a?" FROM t WHERE x = ? AND y = ?`)).toBe(
    `SELECT '?' || "a?" FROM t WHERE x = $1 AND y = $2`,
  )
})

test('the target of a conflict names bare columns, everything else keeps its table', () => {
  expect(
    inPostgres(
      'insert into "a" ("x") values (?) on conflict ("a"."x", "a"."y") do update set "x" = "a"."x"',
    ),
  ).toBe('insert into "a" ("x") values ($1) on conflict ("x", "y") do update set "x" = "a"."x"')
})
