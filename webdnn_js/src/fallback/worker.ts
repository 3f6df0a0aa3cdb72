/** The worker of the fallback backend. */

import { serve } from '../session';
import { FallbackSession } from './session';

serve(new FallbackSession());
