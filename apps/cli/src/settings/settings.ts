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

/** What one of the three places says: the command line, the environment, or the file. */
export interface SettingsSource {
  /** Put before a member's name in a message, to say where it is: `--`, or the path of the file. */
  place: string;
  url?: string | undefined;
  apiKey?: string | undefined;
  apiKeyFile?: string | undefined;
  token?: string | undefined;
  tokenFile?: string | undefined;
  allowHttp?: boolean | undefined;
}
