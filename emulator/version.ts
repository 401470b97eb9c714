/** The package's version; package.json holds the same (a test compares them). */
export const version = '0.1.0'
