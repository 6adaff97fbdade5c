/** What the service is shown. */
export interface Credential {
  kind: 'api-key' | 'token';
  value: string;
}

/** Where the service is and how it is spoken to. */
export interface Settings {
  /** Without a slash at its end. */
  url: string;
  credential: Credential | undefined;
}

type MemberName = Exclude<keyof SettingsSource, 'place' | 'names'>;

/** What a message calls a member, such as `--url`, `AUDIT_QUERY_URL` or `url in /home/me/config.json`. */
export function toSettingName({ place, names }: SettingsSource, member: MemberName): string {
  return names?.[member] ?? `${member} in ${place}`;
}

/** What one of the three places says: the command line, the environment, or the file. */
export interface SettingsSource {
  /** As part of a sentence. */
  place: string;
  /** What a person has typed for a member; absent: its own name, in the file of `place`. */
  names?: Readonly<Partial<Record<MemberName, string>>>;
  url?: string | undefined;
  apiKey?: string | undefined;
  apiKeyFile?: string | undefined;
  token?: string | undefined;
  tokenFile?: string | undefined;
  allowHttp?: boolean | undefined;
}
