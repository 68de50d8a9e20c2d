import { OAuth2Client } from "google-auth-library";

/** Google credentials that are one access token. */
export function tokenClient(token: string): OAuth2Client {
  const client = new OAuth2Client();
  client.setCredentials({ access_token: token, expiry_date: Date.now() + 3600_000 });
  return client;
}
