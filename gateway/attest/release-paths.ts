/** Where a key service answers. @see protocol/SPEC.md section 17 */
export const CHALLENGE_PATH = '/v1/challenge'
export const RELEASE_PATH = '/v1/release'
