import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/** Logs in by "Authorize" on the open page of the documentation, sends `GET /users/me`, and gives back its answer there. */
export async function authorizeAndAsk(page: Page, { email, password }: { email: string; password: string }) {
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  const login = page.locator('.auth-container').filter({ hasText: 'OAuth2' });
  // Nobody is to type a password where a service client's secret goes.
  await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('oauth_username');
  await login.getByLabel('username').fill(email);
  await login.getByLabel('password').fill(password);
  await login.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click();
  await login.getByText('Authorized', { exact: true }).waitFor();
  await page.locator('.dialog-ux').getByRole('button', { name: 'Close' }).last().click();
  const route = page.locator('#operations-Users-getUsersMe');
  await route.getByRole('button').first().click();
  await route.getByRole('button', { name: 'Execute' }).click();
  const answer = route.locator('.live-responses-table');
  await answer.getByText(`"email": "${email}"`).waitFor();
  return answer;
}
