const TECHNOLOGIES: ReadonlyMap<string, string> = new Map([
  ['sev-snp', 'AMD SEV-SNP'],
  ['tdx', 'Intel TDX'],
])

export function technologyName(technology: string): string {
  return TECHNOLOGIES.get(technology) ?? technology
}
