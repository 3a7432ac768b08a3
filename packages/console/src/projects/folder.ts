// Paths of folders on a machine, whose system may be another than this one. Pure.

export const isAbsolutePath = (path: string): boolean => path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path);

/** The last part of a path, or the path where there is none. */
export const folderName = (path: string): string => path.trim().split(/[\\/]/).filter(Boolean).at(-1) ?? path.trim();

/** The path seen from the folder, or as it is where it lies elsewhere. */
export function pathWithin(folder: string, path: string): string {
  const root = folder.replace(/[\\/]+$/, "");
  const isInside = path.startsWith(root) && /^[\\/]/.test(path.slice(root.length));
  return isInside ? path.slice(root.length + 1) : path;
}
