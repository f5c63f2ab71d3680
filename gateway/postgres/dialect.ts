/**
 * A statement of SQLite's as PostgreSQL takes it: `?` is numbered, and the target of a conflict names bare columns. All
 * else is written so that both understand it, or given to PostgreSQL by its migrations (`last_insert_rowid()`). Text in
 * quotes stays: no statement of ours has a quote inside one, or a comment.
 */
export function inPostgres(sql: string): string {
  let count = 0
  return sql
    .replaceAll(/'[^']*'|"[^"]*"|\?/g, (found) => (found === '?' ? `$${++count}` : found))
    .replaceAll(/on conflict \([^)]*\)/g, (target) => target.replaceAll(/"\w+"\.(?="\w+")/g, ''))
}
