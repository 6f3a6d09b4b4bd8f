// What a person reads when something fails: the library's messages, and the file system's in the same words.

import { LatentPreviewError } from '../index';
import { UsageError } from './command';

const systemErrors: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EISDIR: 'it is a folder, a file is needed',
  EACCES: 'this user has no permission',
  EPERM: 'this user has no permission',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  ENAMETOOLONG: 'the name is too long',
};

/**
 * Without a stack trace.
 * @param named the path that the message will stand behind
 */
export function errorMessage(error: unknown, named?: string): string {
  if (error instanceof LatentPreviewError || error instanceof UsageError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const { code, path } = error as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : systemErrors[code];
  if (known) return path === undefined || path === named ? known : `${path}: ${known}`;
  return `unexpected: ${error.message}; this is a fault of latent-preview, please report it`;
}
