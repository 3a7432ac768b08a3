// Pure functions over a parsed package-lock.json (lockfileVersion 3): which names it lacks, how the missing
// platform packages are written in, and where it differs from the package.json files.
// No I/O here, so that tests can plant holes.

/**
 * @typedef {Record<string, string>} Ranges
 * @typedef {{ version?: string, link?: boolean, resolved?: string, dev?: boolean, optional?: boolean, os?: string[] | string,
 *   cpu?: string[] | string, libc?: string[] | string, dependencies?: Ranges, devDependencies?: Ranges,
 *   optionalDependencies?: Ranges, peerDependencies?: Ranges, workspaces?: string[] }} LockEntry
 * @typedef {{ lockfileVersion: number, packages: Record<string, LockEntry> }} Lock
 * @typedef {{ parent: string, name: string, range: string, optional: boolean }} Hole
 * @typedef {{ dependencies?: Ranges, devDependencies?: Ranges, optionalDependencies?: Ranges, peerDependencies?: Ranges,
 *   version?: string }} Manifest
 */

const operatingSystems = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const processors = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "ppc64le", "riscv64", "s390x", "x64"];
/** How package names spell a C library, and what npm calls it. */
const libraries = new Map([
  ["gnu", "glibc"],
  ["gnueabihf", "glibc"],
  ["musl", "musl"],
  ["musleabihf", "musl"],
]);

/**
 * Where Node would find `name` when required from the package at `location`, or undefined.
 * @param {Lock} lock @param {string} location @param {string} name @returns {string | undefined}
 */
export function resolveInLock(lock, location, name) {
  let folder = location;
  for (;;) {
    const candidate = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (lock.packages[candidate]) return candidate;
    if (folder === "") return undefined;
    const cut = folder.lastIndexOf("/node_modules/");
    folder = cut === -1 ? "" : folder.slice(0, cut);
  }
}

/**
 * Every dependency that some package names and the lock has no entry for, in the lock's order.
 * Peer dependencies are left out: npm decides about them by other rules.
 * @param {Lock} lock @returns {Hole[]}
 */
export function findHoles(lock) {
  /** @type {Hole[]} */
  const holes = [];
  for (const [parent, entry] of Object.entries(lock.packages)) {
    const isWorkspace = parent === "" || !parent.includes("node_modules/");
    const wanted = {
      ...(isWorkspace ? entry.devDependencies : {}),
      ...entry.dependencies,
      ...entry.optionalDependencies,
    };
    for (const [name, range] of Object.entries(wanted)) {
      if (resolveInLock(lock, parent, name)) continue;
      holes.push({ parent, name, range, optional: entry.optionalDependencies?.[name] !== undefined });
    }
  }
  return holes;
}

/**
 * The platform that a package's name states, in npm's words: `@x/y-linux-arm64-musl` is {os: linux, cpu: arm64, libc: musl}.
 * @param {string} name @returns {{ os?: string[], cpu?: string[], libc?: string[] }}
 */
export function platformOf(name) {
  const words = name.split(/[-/_.]/);
  const os = words.filter((word) => operatingSystems.includes(word));
  const cpu = words.filter((word) => processors.includes(word));
  const libc = words.flatMap((word) => libraries.get(word) ?? []);
  return {
    ...(os.length > 0 && { os }),
    ...(cpu.length > 0 && { cpu }),
    ...(os.includes("linux") && libc.length > 0 && { libc }),
  };
}

/**
 * A copy of the lock with an entry for each missing optional dependency; the same lock when none is missing.
 * Throws for what may not be guessed: a missing dependency that is not optional, a range that is not one exact
 * version, a name that states no platform.
 * @param {Lock} lock @returns {{ lock: Lock, added: string[] }}
 */
export function completeLock(lock) {
  const packages = { ...lock.packages };
  /** @type {string[]} */
  const added = [];
  for (const hole of findHoles(lock)) {
    const { parent, name, range } = hole;
    if (!hole.optional) throw new Error(`"${parent}" needs ${name}@${range}, which the lock lacks; run npm install.`);
    if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range))
      throw new Error(`${name}@${range} is not one exact version; add it by hand.`);
    const platform = platformOf(name);
    if (!platform.os && !platform.cpu) throw new Error(`The name ${name} states no platform; add it by hand.`);
    const taken = packages[`node_modules/${name}`];
    if (taken?.version === range) continue;
    const location = taken ? `${parent}/node_modules/${name}` : `node_modules/${name}`;
    packages[location] = {
      version: range,
      ...(platform.cpu && { cpu: platform.cpu }),
      ...(lock.packages[parent]?.dev && { dev: true }),
      ...(platform.libc && { libc: platform.libc }),
      optional: true,
      ...(platform.os && { os: platform.os }),
    };
    added.push(location);
  }
  if (added.length === 0) return { lock, added };
  const order = new Intl.Collator("en").compare;
  const sorted = Object.fromEntries(Object.entries(packages).sort(([left], [right]) => order(left, right)));
  return { lock: { ...lock, packages: sorted }, added };
}

/**
 * Sentences for each place where the lock's copy of a workspace's dependencies is not what its package.json says.
 * @param {Lock} lock @param {Record<string, Manifest>} manifests by folder, "" for the root @returns {string[]}
 */
export function compareWithManifests(lock, manifests) {
  /** @type {string[]} */
  const differences = [];
  for (const [folder, manifest] of Object.entries(manifests)) {
    const entry = lock.packages[folder];
    const place = folder === "" ? "the root package" : folder;
    if (!entry) {
      differences.push(`The lock has no entry for ${place}.`);
      continue;
    }
    for (const kind of /** @type {const} */ ([
      "dependencies",
      "devDependencies",
      "optionalDependencies",
      "peerDependencies",
    ])) {
      const said = manifest[kind] ?? {};
      const locked = { ...entry[kind] };
      // npm repeats a root's optional dependencies among its dependencies.
      if (kind === "dependencies")
        for (const name of Object.keys(manifest.optionalDependencies ?? {})) delete locked[name];
      for (const name of new Set([...Object.keys(said), ...Object.keys(locked)])) {
        if (said[name] === locked[name]) continue;
        differences.push(
          `${place}: ${kind} ${name} is ${said[name] ?? "absent"}, the lock says ${locked[name] ?? "absent"}.`,
        );
      }
    }
  }
  return differences;
}
