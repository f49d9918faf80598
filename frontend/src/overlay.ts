import './styles/overlay.css';
import { mountOverlay } from './chat/overlay';
import { need } from './lib/dom';

mountOverlay(need('[data-chat]'));
